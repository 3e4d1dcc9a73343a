"""Low-rank adapters: of an encoder's weights only a change of low rank is learned, by peft.

Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models": W becomes W + B A, of rank r, with B = 0 at first.
"""

from torch import nn

from contraflow.foundations.errors import UserError


def add_adapters(encoder: nn.Module, rank: int) -> None:
    """Let adapters of an encoder learn, and nothing else of it. Its features do not change by that.

    Linear layers and convolutions have one, but for those of groups of channels, and those inside of torch's
    MultiheadAttention, which reads their weights itself. A is drawn from torch's generator.

    Raises:
        UserError: peft is not installed, or no layer can have one.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model  # takes seconds
    except ImportError as error:
        raise UserError(
            f"train.lora needs peft, which nothing else does ({error}): ./setup.sh lora, or pip install -e '.[lora]'"
        ) from None
    layers = [
        name
        for name, layer in encoder.named_modules()
        if type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.groups == 1)
    ]
    if not layers:
        raise UserError("train.lora must be null for this encoder: it has no linear layer or convolution to adapt")
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers), encoder)


def merge_adapters(encoder: nn.Module) -> None:
    """Make what adapters have learned part of the weights: the encoder is as it was, but for their values."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(encoder.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            encoder.set_submodule(name, layer.get_base_layer())
