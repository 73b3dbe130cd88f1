"""Editing: episodes leave or are cut shorter, tasks and features get other names, in the dataset or in a copy of it."""
