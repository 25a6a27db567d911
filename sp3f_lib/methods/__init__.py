"""The two preference methods: what ICR and LIDR do before the training, from parallel prompts to pairs."""
