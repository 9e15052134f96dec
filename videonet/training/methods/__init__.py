"""What a method computes from the features of views."""
