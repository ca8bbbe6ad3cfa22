"""From the folders of runs to an answer: who is compared with whom, and what may be said."""
