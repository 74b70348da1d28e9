"""Durable long work: submitted as a row, done by a process of its own, seen by every terminal."""
