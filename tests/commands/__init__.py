"""Tests of the command lines that lerotool prints."""
