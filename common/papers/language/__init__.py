"""The questions of the other wings, which are of networks that look, asked of networks that read: LSTMs on text."""
