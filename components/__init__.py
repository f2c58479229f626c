"""One module per TFX node that needs code of ours."""
