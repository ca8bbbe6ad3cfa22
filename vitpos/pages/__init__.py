"""What runs have to show, as pages: files that need no server, no network and no program of ours.

`live` puts a trained network itself into a page.
"""
