"""Memory Mosaics v2 for transformers: import this, and ``AutoModelForCausalLM`` loads the final/ folder of a run.

docs/hub.md tells how to load, generate, export and share.
"""

from transformers import AutoConfig, AutoModelForCausalLM

from mmv2.hub.cache import MemoryMosaicsCache
from mmv2.hub.configuration import MemoryMosaicsConfig
from mmv2.hub.export import save_with_code
from mmv2.hub.modelling import MemoryMosaicsForCausalLM

__all__ = ["MemoryMosaicsCache", "MemoryMosaicsConfig", "MemoryMosaicsForCausalLM", "save_with_code"]

AutoConfig.register(MemoryMosaicsConfig.model_type, MemoryMosaicsConfig, exist_ok=True)
AutoModelForCausalLM.register(MemoryMosaicsConfig, MemoryMosaicsForCausalLM, exist_ok=True)
