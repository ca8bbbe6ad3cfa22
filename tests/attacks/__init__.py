"""Attacks on who opens what somebody else made: each prepares a place, and tells what to type.

A stranger may send a run, a study or a plan, a file of words, images, checkpoints. `place` is where
an attack happens, `oracle` notices what comes of it; the other modules hold the attacks, by kind.
"""
