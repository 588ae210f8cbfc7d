"""How the judge of whole digits is trained: composed pictures and their candidates."""
