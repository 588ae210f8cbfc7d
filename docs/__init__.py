"""The scripts that keep the documentation true."""
