"""Encoders in plain torch, torchvision and timm: weights by the names used there, and the code that loads them."""

from torch import Tensor, nn

from contraflow.models.encoders import PARTS, SmallEncoder
from contraflow.models.foreign import Foreign
from contraflow.models.norms import GROUPS
from contraflow.models.settings import Model

_NORMS = {  # in evaluation mode shared BatchNorm is BatchNorm
    "batch": "torch.nn.BatchNorm2d({})",
    "sync": "torch.nn.BatchNorm2d({})",
    "instance": "torch.nn.InstanceNorm2d({}, affine=True)",
    "group": f"torch.nn.GroupNorm(math.gcd({GROUPS}, {{0}}), {{0}})",
}

_REPLACED = """\
for layer in list(encoder.modules()):
    for name, norm in list(layer.named_children()):
        if isinstance(norm, torch.nn.BatchNorm2d):
            setattr(layer, name, {})"""


def plain_weights(encoder: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of an encoder of `build_encoder`, on the CPU, by the names that `plain_code` expects."""
    state = encoder.state_dict()
    return {name.removeprefix("network."): tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def plain_code(encoder: nn.Module, model: Model, file: str, whitening: tuple[nn.Linear, str] | None = None) -> str:
    """Python that rebuilds an encoder as `encoder`, in evaluation mode, without contraflow: imports, then a few lines.

    Args:
        encoder: What `build_encoder` made of `model`, without a change of normalisation before it.
        model: The parameters of the encoder.
        file: Name of a safetensors file of `plain_weights`.
        whitening: That of the encoder, where it has one, and the name of such a file of it.
    """
    if isinstance(encoder, Foreign):
        norm = _NORMS[model.norm].format("norm.num_features")
        replaced = [] if model.norm in ("batch", "sync") else [_REPLACED.format(norm)]
        lines = [*encoder.code, *replaced, "encoder.eval()"]
    else:
        lines = _small(encoder, model) if isinstance(encoder, SmallEncoder) else _torchvision(encoder.network, model)
    own = [line for line in lines if line.startswith("from ")]
    code = "\n".join([*lines[len(own) :], f'encoder.load_state_dict(load_file("{file}"))'])
    if whitening:
        code += f"\n{whitening_code(*whitening)}encoder = torch.nn.Sequential(encoder, whitening)"
    names = [name for name in ("math", "timm", "torch", "torchvision") if f"{name}." in code]
    imports = [*([f"import {', '.join(names)}"] if names else []), "from safetensors.torch import load_file", *own]
    return "\n".join([*imports, "", code, ""])


def whitening_code(whitening: nn.Linear, file: str) -> str:
    """Python that rebuilds a whitening as `whitening`; `file` is one of its `plain_weights`."""
    return f"""\
whitening = {_linear(whitening)}
whitening.load_state_dict(load_file("{file}"))
"""


def _small(encoder: SmallEncoder, model: Model) -> list[str]:
    convolutions = [layer for layer in encoder if isinstance(layer, nn.Conv2d)]
    before, last = encoder[-2], encoder[-1]
    linear = isinstance(last, nn.Linear)
    pooled = f"torch.nn.Flatten(), {_linear(last)}" if linear else f"{_averages(before)}, torch.nn.Flatten()"
    blocks = [(layer.in_channels, layer.out_channels, layer.stride[0]) for layer in convolutions]
    layers = f"(torch.nn.Conv2d(i, o, 3, s, 1, bias=False), {_NORMS[model.norm].format('o')}, torch.nn.ReLU())"
    return [
        f"layers = [layer for i, o, s in {blocks} for layer in {layers}]",
        f"encoder = torch.nn.Sequential(*layers, {pooled}).eval()",
    ]


def _torchvision(network: nn.Module, model: Model) -> list[str]:
    """The network, and in a second line what of it differs from torchvision's."""
    if model.encoder == "vit_small":
        sizes = network.image_size, network.patch_size, len(network.encoder.layers), network.encoder.layers[0].num_heads
        sizes = ", ".join(map(str, (*sizes, network.hidden_dim, network.mlp_dim)))
        made, changed = f"VisionTransformer({sizes})", {"heads": "torch.nn.Identity()"}
        if network.conv_proj.in_channels != 3:
            changed["conv_proj"] = _convolution(network.conv_proj)
    else:
        norm = "" if model.norm in ("batch", "sync") else f"norm_layer=lambda c: {_NORMS[model.norm].format('c')}"
        made, changed = f"{model.encoder}({norm})", {"fc": "torch.nn.Identity()"}
        if isinstance(network.fc, nn.Linear):
            changed = {"avgpool": "torch.nn.Identity()", "fc": _linear(network.fc)}
        elif network.avgpool.output_size == PARTS["quarters"]:
            changed["avgpool"] = _averages(network.avgpool)
        stem = network.conv1
        if (stem.in_channels, stem.kernel_size) != (3, (7, 7)):
            changed["conv1"] = _convolution(stem)
        if isinstance(network.maxpool, nn.Identity):
            changed["maxpool"] = "torch.nn.Identity()"
    targets = ", ".join(f"encoder.{name}" for name in changed)
    return [f"encoder = torchvision.models.{made}.eval()", f"{targets} = {', '.join(changed.values())}"]


def _averages(layer: nn.AdaptiveAvgPool2d) -> str:
    return f"torch.nn.AdaptiveAvgPool2d({layer.output_size})"


def _linear(layer: nn.Linear) -> str:
    return f"torch.nn.Linear({layer.in_features}, {layer.out_features})"


def _convolution(layer: nn.Conv2d) -> str:
    sizes = f"{layer.in_channels}, {layer.out_channels}, {layer.kernel_size[0]}, {layer.stride[0]}, {layer.padding[0]}"
    return f"torch.nn.Conv2d({sizes}{'' if layer.bias is not None else ', bias=False'})"
