"""`repurchase completion`: write the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Write the script with which SHELL completes commands and options.

    \b
    repurchase completion bash > ~/.local/share/bash-completion/completions/repurchase
    repurchase completion zsh  > ~/.zfunc/_repurchase
    repurchase completion fish > ~/.config/fish/completions/repurchase.fish
    """
    commands = click.get_current_context().find_root().command
    completion = get_completion_class(shell)
    assert completion is not None, "click has a script for each shell offered"
    click.echo(completion(commands, {}, "repurchase", "_REPURCHASE_COMPLETE").source())
    return 0
