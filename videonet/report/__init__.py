"""What a person looks at after a run: a page with numbers and pictures."""
