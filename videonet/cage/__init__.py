"""Processes in which a stranger's bytes are worked on: limited, without network and files."""
