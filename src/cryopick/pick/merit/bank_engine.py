"""`BankEngine`: correlates a micrograph with the components of a bank, and mixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryopick.ops.threads import in_threads
from cryopick.pick.merit.bank import MeritBank
from cryopick.pick.merit.box_correlation import centred_transform, correlate
from cryopick.pick.merit.engine import Layers, empty_layers
from cryopick.pick.merit.formula import MeritFormula

if TYPE_CHECKING:
    import torch

# Places times mixtures whose correlations are formed at a time: on a processor they stay in the
# second-level cache of a core.
_PLACES = {"cpu": 512, "cuda": 65536}
_MIXTURES = 320


class BankEngine:
    """Correlates with the components of a bank, and mixes.

    Parameters
    ----------
    bank
        From `build_merit_bank`.
    """

    def __init__(self, bank: MeritBank) -> None:
        self.bank = bank
        # Of the last shape of working image: a set of micrographs has one.
        self._transforms: tuple[tuple[int, int], torch.Tensor] | None = None
        # Memory for correlations, taken by one search at a time: making it anew for each
        # micrograph takes as long as half of the transforms.
        self._spare: list[torch.Tensor] = []

    @property
    def bytes_per_px(self) -> int:
        """Memory taken for each working pixel."""
        # Correlations, half a plane of transforms, layers.
        return 6 * self.bank.rank + 64

    def search(
        self,
        spectrum: torch.Tensor,
        kept: tuple[int, int],
        formula: MeritFormula,
        *,
        per_reference: bool,
        cores: int,
    ) -> Layers:
        """See `Engine.search`."""
        correlations = self._correlations(spectrum, kept, cores=cores)
        columns = correlations.flatten(1)
        references, angles = self.bank.even.shape[:2]
        found = empty_layers(references if per_reference else 1, kept, spectrum.device)
        at_once = max(1, _MIXTURES // angles)
        step = _PLACES["cpu" if spectrum.device.type == "cpu" else "cuda"]

        def search_places(start: int) -> None:
            places = slice(start, min(start + step, columns.shape[1]))
            for first in range(0, references, at_once):
                some = slice(first, min(first + at_once, references))
                highest, odd = self._mixed(some, columns[:, places])
                merit = formula.merit(highest.amax(1), references=some, places=places)
                if per_reference:
                    self._note_every(found, merit, highest, odd, some=some, places=places)
                else:
                    self._note_best(found, merit, highest, odd, some=some, places=places)

        in_threads(search_places, range(0, columns.shape[1], step), cores=cores)
        self._spare[:] = [correlations]
        return found

    def _correlations(
        self, spectrum: torch.Tensor, kept: tuple[int, int], *, cores: int
    ) -> torch.Tensor:
        """Correlations ``(k, *kept)`` with every component."""
        import torch

        shape = spectrum.shape[0], 2 * (spectrum.shape[1] - 1)
        of_shape = self._transforms
        if of_shape is None or of_shape[0] != shape:
            of_shape = self._transforms = shape, self._transformed(shape, cores=cores)
        known, split = of_shape[1], self.bank.even.shape[2]
        wanted = (len(known), *kept)
        try:
            out = self._spare.pop()
        except IndexError:
            out = None
        if out is None or out.shape != wanted:
            out = torch.empty(wanted, dtype=torch.float32, device=spectrum.device)
        correlate(spectrum, known[:split], out=out[:split], cores=cores)
        # The transforms of odd images are imaginary.
        correlate(1j * spectrum, known[split:], out=out[split:], cores=cores)
        return out

    def _transformed(self, shape: tuple[int, int], *, cores: int) -> torch.Tensor:
        """Transforms ``(k, y, x // 2 + 1)`` of the components: their real or imaginary part."""
        import torch

        bank, split = self.bank, self.bank.even.shape[2]
        out = torch.empty((bank.rank, shape[0], shape[1] // 2 + 1), device=bank.boxes.device)

        def transform(number: int) -> None:
            found = centred_transform(bank.boxes[number], shape, oversampling=bank.oversampling)
            out[number] = found.real if number < split else found.imag

        in_threads(transform, range(bank.rank), cores=cores)
        return out

    def _mixed(self, some: slice, columns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Correlations ``(k, a, n)`` of some references, and the odd part of each.

        Of an angle and its opposite the higher one.
        """
        even, odd = self.bank.even[some].flatten(0, 1), self.bank.odd[some].flatten(0, 1)
        split = even.shape[1]
        part = odd @ columns[split:]
        total = (part.abs() if self.bank.opposite else part.clone()).addmm_(even, columns[:split])
        shape = (-1, self.bank.even.shape[1], columns.shape[1])
        return total.view(shape), part.view(shape)

    def _note_best(
        self,
        found: Layers,
        merit: torch.Tensor,
        highest: torch.Tensor,
        odd: torch.Tensor,
        *,
        some: slice,
        places: slice,
    ) -> None:
        """Write down the best of some references where it is better than what was found."""
        import torch

        best, reference = merit.max(0)
        index = reference[None, None].expand(1, highest.shape[1], -1)
        angle = self._highest_angles(highest.gather(0, index))[0]
        if self.bank.opposite:
            part = odd[reference, angle, torch.arange(len(angle), device=odd.device)]
            angle = angle + (part < 0) * odd.shape[1]
        better = best > found.merit.view(-1)[places]
        for layer, values in (
            (found.angle, angle.to(torch.int16)),
            (found.reference, (reference + some.start).to(torch.int16)),
            (found.merit, best),
        ):
            target = layer.view(-1)[places]
            target.copy_(torch.where(better, values, target))

    def _note_every(
        self,
        found: Layers,
        merit: torch.Tensor,
        highest: torch.Tensor,
        odd: torch.Tensor,
        *,
        some: slice,
        places: slice,
    ) -> None:
        """Write down each of some references."""
        import torch

        numbers = torch.arange(some.start, some.stop, device=merit.device)
        angle = self._highest_angles(highest)
        if self.bank.opposite:
            part = odd.gather(1, angle[:, None])[:, 0]
            angle = angle + (part < 0) * odd.shape[1]
        found.merit.flatten(1)[some, places] = merit
        found.angle.flatten(1)[some, places] = angle.to(torch.int16)
        found.reference.flatten(1)[some, places] = numbers[:, None].to(torch.int16)

    def _highest_angles(self, correlation: torch.Tensor) -> torch.Tensor:
        """Index ``(k, n)`` of the highest of ``(k, a, n)``; the first of equal ones."""
        import torch

        count = correlation.shape[1]
        # `argmax` over rows takes twice as long.
        order = torch.arange(count, 0, -1, dtype=torch.float32, device=correlation.device)
        first = (correlation == correlation.amax(1, keepdim=True)) * order[:, None]
        return count - first.amax(1).to(torch.int64)
