"""Trains the verifier of whole digits on composed pictures and their candidates."""
