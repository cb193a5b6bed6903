"""What the test of every script's --smoke and the summary after all tests agree on."""

SMOKE = "CPU seconds of --smoke"
