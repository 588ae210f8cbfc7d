"""Training of the judge of whole digits, on composed pictures and their candidates."""
