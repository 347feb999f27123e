"""Is a trained machine in equilibrium, does it mix, and is what is computed of it to be believed?"""

from ebm.checkup.health import Health, health

__all__ = ["Health", "health"]
