"""One video of a data set on a page of its own: verdicts, what the classifier saw, clips."""
