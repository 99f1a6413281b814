"""An encoder: means over boxes, then one convolution."""

from torch import Tensor, nn

from climgru_lib.models.encoders import ENCODERS


@ENCODERS.register("pooled")
class Pooled(nn.Module):
    def __init__(self, in_channels: int, width: int, box: int = 4):
        super().__init__()
        self.layers = nn.Sequential(nn.AvgPool2d(box, ceil_mode=True), nn.Conv2d(in_channels, width, 1), nn.Tanh())

    def forward(self, maps: Tensor) -> Tensor:
        return self.layers(maps)
