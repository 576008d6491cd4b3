"""The decoding state of Memory Mosaics v2 as transformers' generate() passes it around."""

from torch import Tensor
from transformers import Cache

from mmv2.layers.decoder import DecoderState


class MemoryMosaicsCache(Cache):
    """Key recurrences, pending pairs, short-term and long-term pairs of all layers.

    Attributes:
        state: None before the first token. Rows may have read different numbers of tokens: padding enters none.
        columns: of the token ids and attention masks read so far, padding among them.
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.state: DecoderState | None = None
        self.columns = 0

    def __len__(self) -> int:
        """Layers; 0 before the first token."""
        return len(self.state.layers) if self.state else 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(layers={len(self)}, columns={self.columns})"

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns read so far: what generate() must not give again."""
        return self.columns

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Row i goes on from what row ``beam_idx[i]`` has read."""
        if self.state:
            self.state = self.state.select(beam_idx)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows alone."""
        self.reorder_cache(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Every row ``repeats`` times."""
        if self.state:
            self.state = self.state.expand(repeats)

    def reset(self) -> None:
        """Forget everything."""
        self.state, self.columns = None, 0

    def crop(self, tokens_to_remove: int) -> None:
        """Not possible: averages of keys cannot be taken apart again. A copy made before can be gone back to."""
        raise ValueError(
            f"{type(self).__name__}: tokens cannot be taken back out of it; copy.deepcopy() it beforehand, "
            f"and generate without assisted or speculative decoding"
        )

    @property
    def is_initialized(self) -> bool:
        """Whether anything has been read."""
        return self.state is not None

    @property
    def is_compileable(self) -> bool:
        """It grows."""
        return False

    @property
    def is_croppable(self) -> bool:
        """See ``crop``."""
        return False
