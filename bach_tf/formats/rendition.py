"""How a piece is to be written: what a score need not say, and what takes the place of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bach_tf._basics.choices import choose
from bach_tf._basics.columns import check_spans, tuples
from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import is_number, is_whole
from bach_tf.score import MOST_VOICES, PERFORMANCE_TEMPO_QPM, SECONDS, Part, Score, Tempo
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO, PROGRAMS
from bach_tf.theory.tunings import CONCERT_PITCH_HZ, EQUAL, frequencies

TEMPO_QPM = 90.0
CHURCH_ORGAN = 19
AUTO, SOUNDFONT, ADDITIVE = SYNTHESISERS = ("auto", "soundfont", "additive")
PARTS, CLOSED = LAYOUTS = ("parts", "closed")

Span = tuple[int, int, int]  # first step, end, voice
LAST_STEP = 2**31  # of any piece


class WritingWarning(UserWarning):
    """A piece was written, and something in it had to be changed for the format."""


@dataclass(frozen=True, kw_only=True)
class Rendition:
    """How a piece is to be written; each format takes of it what it can hold.

    It is checked here, once, so that no format forgets to.

    Args:
        tempo_qpm: quarter notes per minute of the whole piece; as the score says when `None`.
        program: General MIDI instrument of all voices, 0..127; those of the score's parts when
            `None`.
        programs: of the first voices, where they are to differ; `program` for the others.
        synthesiser: of sound: "soundfont" for recorded instruments, "additive" for plain waves.
            "auto" takes the soundfont, and the additive one where the extra `sound` is not
            installed, where another tuning or reference is asked for, and above 15 voices.
        tuning: of sound, one of `TUNINGS`.
        reference_hz: of sound: the A above middle C.
        primer_steps: how much of the beginning was given, and not made by a model: a piano roll
            shows it.
        given: from where to where which voice was given, `(first step, end, voice)` each:
            scores and piano rolls show it.
        layout: of MusicXML: "parts", or "closed" for two staves if there are four voices of one
            note at a time.

    Raises:
        ValueError: a tempo or program outside what MIDI can say, an unknown synthesiser, tuning or
            layout, a reference that cannot be, or a tuning that the soundfont does not have.

    Example:
        >>> Rendition(tempo_qpm=72).tempo_of(Score.from_grid([[60]], tempi=[(0, 100)]))
        72
    """

    tempo_qpm: float | None = None
    program: int | None = None
    programs: tuple[int, ...] = ()
    synthesiser: str = AUTO
    tuning: str = EQUAL
    reference_hz: float = CONCERT_PITCH_HZ
    primer_steps: int = 0
    given: tuple[Span, ...] = ()
    layout: str = PARTS

    def __post_init__(self):
        object.__setattr__(self, "programs", tuple(self.programs))
        object.__setattr__(self, "given", tuples("given", self.given))
        if self.tempo_qpm is not None:
            _check_tempo(self.tempo_qpm)
        asked = () if self.program is None else (self.program,)
        for program in (*asked, *self.programs):
            if not is_whole(program) or not 0 <= program < len(PROGRAMS):
                raise ValueError(
                    f"`program` must be in 0..{len(PROGRAMS) - 1}. Received: {shortened(program)}"
                )
        choose(dict.fromkeys(SYNTHESISERS), self.synthesiser, "synthesiser")
        frequencies(self.tuning, self.reference_hz)
        if self.synthesiser == SOUNDFONT and self.is_tuned:
            raise ValueError(
                f"The soundfont is in equal temperament at {CONCERT_PITCH_HZ:g} Hz. Received: "
                f"tuning={self.tuning!r}, reference_hz={self.reference_hz:g}. Choose the additive "
                "synthesiser."
            )
        if not is_whole(self.primer_steps) or self.primer_steps < 0:
            raise ValueError(
                f"`primer_steps` must be at least 0. Received: {shortened(self.primer_steps)}"
            )
        check_spans("given", self.given, LAST_STEP, MOST_VOICES)
        if self.layout not in LAYOUTS:
            raise ValueError(
                f"`layout` must be one of {', '.join(LAYOUTS)}. Received: {self.layout!r}"
            )

    @property
    def is_tuned(self) -> bool:
        """Whether another tuning or reference pitch is asked for than the usual ones."""
        return self.tuning != EQUAL or self.reference_hz != CONCERT_PITCH_HZ

    def tempo_of(self, score: Score) -> float:
        """Return the quarter notes per minute of a piece: the first where it says several.

        Raises:
            ValueError: the score has a tempo outside what MIDI can say.
        """
        if self.tempo_qpm is not None:
            return self.tempo_qpm
        if score.tempi:
            _check_tempo(score.tempi[0][1])
            return score.tempi[0][1]
        return PERFORMANCE_TEMPO_QPM if score.timing == SECONDS else TEMPO_QPM

    def tempi_of(self, score: Score) -> list[Tempo]:
        """Return the tempi of a piece with their steps, the first at its beginning.

        Raises:
            ValueError: the score has a tempo outside what MIDI can say.

        Example:
            >>> Rendition().tempi_of(Score.from_grid([[60]] * 4, tempi=[(0, 60), (2, 30)]))
            [(0, 60), (2, 30)]
        """
        first = (0, self.tempo_of(score))
        if self.tempo_qpm is not None:
            return [first]
        for _, tempo_qpm in score.tempi:
            _check_tempo(tempo_qpm)
        return [first, *score.tempi[1:]]

    def parts_of(self, score: Score) -> list[Part]:
        """Return the part of each voice, with the instrument that it is to have.

        Voices without a part are called "voice 1" and so on; those without an instrument have the
        church organ.

        Example:
            >>> parts = Rendition(programs=[40]).parts_of(Score.from_grid([[67, 60]]))
            >>> [(part.name, part.program) for part in parts]
            [('voice 1', 40), ('voice 2', 19)]
        """
        parts = [*score.parts[: score.voices]]
        parts += [Part(f"voice {voice + 1}") for voice in range(len(parts), score.voices)]
        return [
            replace(part, program=self._program_of(voice, part)) for voice, part in enumerate(parts)
        ]

    def _program_of(self, voice: int, part: Part) -> int:
        if voice < len(self.programs):
            return self.programs[voice]
        chosen = part.program if self.program is None else self.program
        return CHURCH_ORGAN if chosen is None else chosen


def _check_tempo(tempo_qpm: float) -> None:
    if not is_number(tempo_qpm) or not LOWEST_TEMPO <= tempo_qpm <= HIGHEST_TEMPO:
        raise ValueError(
            f"`tempo_qpm` must be in {LOWEST_TEMPO}..{HIGHEST_TEMPO}. "
            f"Received: {shortened(tempo_qpm)}"
        )


PLAIN = Rendition()  # as the score says
