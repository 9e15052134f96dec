"""`python -m videonet.vito.train`: the former name of `python -m videonet.training.train`."""

if __name__ == "__main__":
    from videonet.cli import train_by_itself

    train_by_itself()
