"""A trained run, and its methods for users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from bach_tf._api.arguments import grid_of, names_of, path_of, score_of
from bach_tf._api.options import HarmonizingOptions, Options, Primer, Progress
from bach_tf._api.piece import Piece, Version
from bach_tf._basics.choices import choose
from bach_tf.composing.requests import SOPRANO
from bach_tf.corpora import CORPORA, prepare_corpus
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.export import EXPORTED, check_formats
from bach_tf.learning import runs

if TYPE_CHECKING:
    from bach_tf.composing.finishing import Finisher
    from bach_tf.composing.particles import ParticleSampler
    from bach_tf.composing.sampling import Sampler
    from bach_tf.measuring.likelihood import LogLikelihood, Scorer


class Run(runs.Run):
    """A trained run, as returned by `bach_tf.train` and `bach_tf.load`.

    Compiled functions are cached: the first piece takes seconds, later ones only the sampling.

    Args:
        folder: its path.
        preset: its settings.
        codec: its codec.
        model: its model, with the weights of the best epoch.

    Example:
        >>> import bach_tf as bt
        >>> bt.load("pretrained")
        Run('pretrained': chorale on jsb, 14,053,584 weights)
    """

    @classmethod
    def of(cls, run: runs.Run) -> Run:
        """Convert a run opened by `bach_tf.learning`."""
        return cls(run.folder, run.preset, run.codec, run.model)

    def __repr__(self) -> str:
        weights = self.model.count_params()
        about = f"{self.preset.recipe} on {self.preset.music.corpus}, {weights:,} weights"
        return f"Run({runs.run_name(self.folder)!r}: {about})"

    @overload
    def generate(self, *, num_outputs: None = None, **how: Unpack[Options]) -> Piece: ...

    @overload
    def generate(self, *, num_outputs: int, **how: Unpack[Options]) -> list[Piece]: ...

    def generate(
        self,
        *,
        num_outputs: int | None = None,
        candidates: int | None = None,
        bars: int | None = None,
        length: int | None = None,
        min_bars: int | None = None,
        seed: int | None = None,
        temperature: float | None = None,
        top_k: int = 0,
        top_p: float = 1.0,
        primer: Primer | None = None,
        primer_length: int | None = None,
        quantize: bool = False,
        transpose: int | str = 0,
        unfold: bool = False,
        tune: int | None = None,
        tempo: float | None = None,
        metre: str | None = None,
        upbeat: float | None = None,
        rules: str | Sequence[str] | None = None,
        program: int | str | None = None,
        progress: Progress | None = None,
    ) -> Piece | list[Piece]:
        """Generate a new piece, or several. The arguments are those of the command line.

        Args:
            num_outputs: number of pieces, returned as a list; by default a single piece is
                returned, not in a list. Piece `n` depends only on the seed and on `n`.
            candidates: number of pieces drawn for each, of which the best by likelihood and
                part-writing is kept; 1 by default.
            bars: length in bars of 4/4. Pieces of four voices end in the last one with a cadence,
                if the rules include it and neither `min_bars`, `top_k` nor `top_p` is given;
                otherwise this is a maximum.
            length: maximum length in steps of the codec instead; the preset's by default.
            min_bars: minimum length in bars; the preset's by default.
            seed: random seed; the same seed gives the same pieces. Random by default. Your
                program's own random generators are not affected.
            temperature: higher is more daring, 0 takes the most probable tokens; the preset's
                by default.
            top_k: restrict sampling to this many of the most probable tokens; 0 for all.
            top_p: restrict sampling to the fewest tokens with this total probability.
            primer: the beginning of the pieces: a piece, a file, tokens separated by spaces, or
                "corpus" for a passage of the training split.
            primer_length: number of steps of the primer to use; all by default.
            quantize: whether to move onsets of the primer that lie between two steps of the run.
            transpose: semitones by which to transpose the primer; "auto" moves it into the range
                of the run.
            unfold: whether to play out the repeats in the primer's file.
            tune: number of the primer in a tune book; the first one by default.
            tempo: quarter notes per minute; the primer's or the preset's by default.
            metre: such as "3/4": the metre of a primer that does not have one, or of pieces with
                metre tokens, as those of `folk`; by default the primer's or the model's choice.
            upbeat: quarters before the first bar line, likewise.
            rules: rules for four-part pieces, of "parallels", "crossing", "spacing",
                "range", "dissonance", "motion", "focus", "cadence" and "quotation", or "none"; the
                preset's by default.
            program: General MIDI instrument, by name or 0..127; by default those of the primer's
                parts, or the preset's.
            progress: called in this thread several times a second, with the fraction of the work
                that is done, finally 1. An exception in it, or Ctrl-C, stops the work at once.

        Raises:
            ValueError: if an argument is out of bounds, or does not fit the others or the run.

        Example:
            >>> import bach_tf as bt
            >>> run = bt.load("pretrained")
            >>> run.generate(bars=16, seed=1).save("chorale.mid")  # doctest: +SKIP
            >>> warm, cold = run.generate(num_outputs=2, temperature=0.8)  # doctest: +SKIP
        """
        from bach_tf._api.generating import generated

        how = Options(
            candidates=candidates,
            bars=bars,
            length=length,
            min_bars=min_bars,
            seed=seed,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            primer=primer,
            primer_length=primer_length,
            quantize=quantize,
            transpose=transpose,
            unfold=unfold,
            tune=tune,
            tempo=tempo,
            metre=metre,
            upbeat=upbeat,
            rules=rules,
            program=program,
            progress=progress,
        )
        pieces = generated(self, num_outputs, how, self._sampler, lambda: self._scorer)
        return pieces[0] if num_outputs is None else pieces

    @overload
    def harmonize(
        self, piece: Primer, *, num_outputs: None = None, **how: Unpack[HarmonizingOptions]
    ) -> Version: ...

    @overload
    def harmonize(
        self, piece: Primer, *, num_outputs: int, **how: Unpack[HarmonizingOptions]
    ) -> list[Version]: ...

    def harmonize(
        self,
        piece: Primer,
        *,
        num_outputs: int | None = None,
        voice: str = SOPRANO,
        keep: str | Sequence[str] | None = None,
        rewrite: str | None = None,
        key: str | None = None,
        primer: Primer | None = None,
        particles: int | None = None,
        candidates: int | None = None,
        rules: str | Sequence[str] | None = None,
        range: str | Mapping[str, tuple[int, int]] | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        quantize: bool = False,
        unfold: bool = False,
        tune: int | None = None,
        tempo: float | None = None,
        program: int | str | None = None,
        progress: Progress | None = None,
    ) -> Version | list[Version]:
        """Harmonise a melody, or rewrite the voices of a piece that are not kept.

        Given notes remain unchanged. The arguments are those of the command line.

        Args:
            piece: a melody, or a piece with up to four parts: a piece, a score, or a file. By
                default, its highest line is given; see `keep` and `rewrite`.
            num_outputs: number of versions, returned as a list. By default, a single version is
                returned. Version `n` depends only on the seed and on `n`.
            voice: name of the voice of the melody.
            keep: voices to keep, such as "soprano,bass:5-8+12" or `["soprano", "bass:5-8+12"]`:
                the soprano, and the bass in some bars; all else is written.
            rewrite: bars to rewrite, such as "5-8,12", in all voices that are not kept there.
            key: key of the piece and of its end, such as "g minor"; by default, that of the score
                or an estimate.
            primer: beginning of all four voices: a piece, a score, or a file.
            particles: parallel attempts per version; 32 by default.
            candidates: particle filters per version, of which the best result is kept; 1 by
                default.
            rules: rules for new notes, as in `generate`; by default, those of the preset.
            range: ranges of new voices, such as "alto=55-74" or `{"alto": (55, 74)}`.
            temperature: higher is more adventurous; by default, that of the preset.
            seed: the same seed gives the same versions; random by default.
            quantize: whether to move notes that start between two sixteenths.
            unfold: whether to expand the repeats of a file.
            tune: number of the melody in a tune book; by default, the first.
            tempo: quarter notes per minute; by default, that of the piece or the preset.
            program: General MIDI instrument, by name or 0..127; by default, that of the melody or
                the preset.
            progress: called in this thread several times a second, with the fraction of the work
                that is done, finally 1. An exception in it, or Ctrl-C, stops the work at once.

        Raises:
            ValueError: if an argument is out of bounds or does not fit the piece, as in
                `bach_tf.composing.requests.outline_of`.

        Example:
            >>> import bach_tf as bt
            >>> run = bt.load("pretrained")
            >>> version = run.harmonize("tune.musicxml", seed=1)  # doctest: +SKIP
            >>> version.facts["nats_per_token"], version.save("hymn.pdf")  # doctest: +SKIP
        """
        from bach_tf._api.versions import harmonized

        how = HarmonizingOptions(
            voice=voice,
            keep=keep,
            rewrite=rewrite,
            key=key,
            primer=primer,
            particles=particles,
            candidates=candidates,
            rules=rules,
            range=range,
            temperature=temperature,
            seed=seed,
            quantize=quantize,
            unfold=unfold,
            tune=tune,
            tempo=tempo,
            program=program,
            progress=progress,
        )
        versions = harmonized(self, piece, num_outputs, how, self._particle_sampler)
        return versions[0] if num_outputs is None else versions

    def log_likelihood(self, piece: Primer) -> LogLikelihood:
        """Return the log-likelihood of a piece under the model, token by token, in nats.

        This is exact: the logarithm of the model's probability of each token given all previous
        tokens of the piece. The negative mean over a split equals `nll` in `evaluate`, unless the
        preset evaluates with a shorter `context`.

        Args:
            piece: a piece, a score, or a file, on the grid of the run's codec.

        Raises:
            ValueError: if the file cannot be read, or the codec cannot encode the music.

        Example:
            >>> import bach_tf as bt
            >>> from bach_tf.score import Score
            >>> run = bt.load("pretrained")
            >>> likely = run.log_likelihood(Score.from_grid([[67, 62, 59, 43]] * 4))
            >>> likely.tokens[:4], likely.nats.shape
            (('G4', 'G2', 'D4', 'B3'), (16,))
        """
        return self._scorer.score(score_of("piece", piece, grid_of(self.codec)))

    def evaluate(
        self,
        split: str = "test",
        corpus: str | None = None,
        data_dir: str | Path | None = None,
    ) -> dict[str, Any]:
        """Compute the likelihood of a split of a corpus.

        Args:
            split: "train", "valid" or "test".
            corpus: a name in `bach_tf.corpora.CORPORA`; by default the one the run was trained on.
            data_dir: where it is read from.

        Returns:
            `nll` in nats per token, `perplexity`, `accuracy`, `tokens` and more, see
            `bach_tf.measuring.evaluation.evaluate`.

        Raises:
            ValueError: if the split or corpus is unknown, or the codec cannot encode a piece.

        Example:
            >>> import bach_tf as bt
            >>> bt.load("pretrained").evaluate(corpus="jsb")["nll"]  # doctest: +SKIP
            0.3637
        """
        choose(dict.fromkeys(SPLITS), split, "split")
        folder = None if data_dir is None else path_of("data_dir", data_dir)
        if corpus is not None:
            choose(CORPORA, corpus, "corpus")
        from bach_tf.measuring import evaluation

        prepared = prepare_corpus(self.preset.music, corpus, folder)
        return evaluation.evaluate_run(self, prepared, split)

    def export(
        self, formats: str | Sequence[str] = "saved_model", folder: str | Path | None = None
    ) -> Path:
        """Export the run for programs without bach_tf; return the new folder.

        Args:
            formats: names in `bach_tf.export.FORMATS`, as a list or separated by commas.
            folder: the folder to create; by default one with the run's name in `exported`.

        Raises:
            ValueError: if a format is unknown, the folder exists, a package is missing, or a
                format cannot represent the model.

        Example:
            >>> import bach_tf as bt
            >>> bt.load("pretrained").export(["saved_model", "keras"], "chorales")  # doctest: +SKIP
            PosixPath('chorales')
        """
        names = check_formats(names_of("formats", formats))
        own = EXPORTED / self.folder.resolve().name
        folder = own if folder is None else path_of("folder", folder)
        from bach_tf.export import exporting

        exporting.export_run(self, names, output=folder.parent, name=folder.name)
        return folder

    def _sampler(self, rules: tuple[str, ...], ends: bool) -> Sampler | Finisher:
        from bach_tf.composing.finishing import Finisher
        from bach_tf.composing.sampling import Sampler

        if ends:
            return Finisher(self._particle_sampler(rules))
        if rules not in self._samplers:  # each one is compiled at its first call
            self._samplers[rules] = Sampler(self.model, self.codec, rules)
        return self._samplers[rules]

    @cached_property
    def _samplers(self) -> dict[tuple[str, ...], Sampler]:
        return {}

    def _particle_sampler(self, rules: tuple[str, ...]) -> ParticleSampler:
        from bach_tf.composing.particles import QUOTATION, ParticleSampler

        # That rule is about whole pieces, so that new pieces and harmonised ones share a sampler.
        rules = tuple(name for name in rules if name != QUOTATION)
        if rules not in self._particle_samplers:
            self._particle_samplers[rules] = ParticleSampler(self.model, self.codec, rules)
        return self._particle_samplers[rules]

    @cached_property
    def _particle_samplers(self) -> dict[tuple[str, ...], ParticleSampler]:
        return {}

    @cached_property
    def _scorer(self) -> Scorer:
        from bach_tf.measuring.likelihood import Scorer

        return Scorer(self.model, self.codec)
