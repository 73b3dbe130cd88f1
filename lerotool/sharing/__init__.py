"""The verbs `push`, `pull` and `list`: datasets on the Hugging Face Hub and on this machine."""
