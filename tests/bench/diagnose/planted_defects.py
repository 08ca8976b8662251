"""Defects for planted.py: each makes fakes of rows that are held out from the reals."""

import numpy as np


class Draw:
    """Reals, held-out rows to make fakes of, and both sides' classes."""

    def __init__(self, source, random, n, m):
        # Enough held-out rows that a defect can choose among them.
        wanted = n + 2 * m
        rows, labels = source.draw(random, wanted)
        if len(rows) < n + m:
            n = m = len(rows) // 2
        self.random, self.m = random, m
        self.reals, self.real_labels = rows[:n], None if labels is None else labels[:n]
        self.pool, self.pool_labels = rows[n:], None if labels is None else labels[n:]
        self.image = rows.ndim == 4
        self.asked = self.training = None

    def take(self, keep=None):
        """m held-out rows, of those that `keep` marks; and their classes."""
        index = np.arange(len(self.pool)) if keep is None else np.flatnonzero(keep)
        index = index[: self.m]
        return self.pool[index].copy(), None if self.pool_labels is None else self.pool_labels[index]

    def clip(self, rows):
        return np.clip(rows, -1, 1).astype("f4") if self.image else rows.astype("f4")


def lacking(classes, share=0.0):
    def make(draw):
        keep = ~np.isin(draw.pool_labels, classes) | (draw.random.random(len(draw.pool)) < share)
        return draw.take(keep)[0]

    return make


def crowded(label, times):
    """One class so many times as often as it should be beside each other one."""

    def make(draw):
        of_class = draw.pool_labels == label
        share = times * of_class.mean() / (1 + (times - 1) * of_class.mean())
        # Fewer in all where too few of the class are held out.
        made = min(draw.m, int(of_class.sum() / share))
        wanted = round(share * made)
        rows = np.concatenate([draw.pool[of_class][:wanted], draw.pool[~of_class][: made - wanted]])
        return draw.random.permutation(rows)

    return make


def lacking_side(width_share):
    """Rows on one side of a random direction are not made."""

    def make(draw):
        flat = draw.pool.reshape(len(draw.pool), -1)
        centred = flat - flat.mean(0)
        along = centred @ (centred.T @ draw.random.normal(size=len(flat)))
        return draw.take(along <= np.quantile(along, 1 - width_share))[0]

    return make


def narrow(factor, by_class=True):
    def make(draw):
        rows, labels = draw.take()
        for label in np.unique(labels) if by_class and labels is not None else [None]:
            at = slice(None) if label is None else labels == label
            middle = rows[at].mean(0)
            rows[at] = middle + factor * (rows[at] - middle)
        return draw.clip(rows)

    return make


def flat(directions):
    """The rows do not vary along random directions, all of as much variance as any."""

    def make(draw):
        rows, _ = draw.take()
        basis, _ = np.linalg.qr(draw.random.normal(size=(rows.shape[1], directions)))
        middle = rows.mean(0)
        return (rows - (rows - middle) @ basis @ basis.T).astype("f4")

    return make


def grey(draw):
    """Colours that are all equal."""
    rows, _ = draw.take()
    return np.broadcast_to(rows.mean(1, keepdims=True), rows.shape).astype("f4")


def few_things(label, count, noise):
    def make(draw):
        rows, labels = draw.take()
        at = np.flatnonzero(labels == label)
        chosen = draw.random.choice(at[:count], len(at))
        rows[at] = rows[chosen] + noise * (1 if draw.image else 0.2) * draw.random.normal(size=rows[at].shape)
        return draw.clip(rows)

    return make


def noisy(deviation):
    def make(draw):
        rows, _ = draw.take()
        scale = 1 if draw.image else rows.std()
        return draw.clip(rows + deviation * scale * draw.random.normal(size=rows.shape))

    return make


def blurred(times):
    def make(draw):
        rows, _ = draw.take()
        for _ in range(times):
            for axis in (2, 3):
                rows = (np.roll(rows, 1, axis) + 2 * rows + np.roll(rows, -1, axis)) / 4
        return rows.astype("f4")

    return make


def smoothed(components):
    def make(draw):
        rows, _ = draw.take()
        flat = rows.reshape(len(rows), -1)
        middle = flat.mean(0)
        _, _, basis = np.linalg.svd(flat - middle, full_matrices=False)
        basis = basis[:components]
        return draw.clip(((flat - middle) @ basis.T @ basis + middle).reshape(rows.shape))

    return make


def shifted(pixels):
    return lambda draw: np.roll(draw.take()[0], pixels, axis=3)


def moved(deviations):
    def make(draw):
        rows, _ = draw.take()
        direction = draw.random.normal(size=rows.shape[1])
        direction /= np.linalg.norm(direction)
        scale = np.sqrt(rows.var(0).sum())
        return (rows + deviations * scale * direction).astype("f4")

    return make


def moved_columns(deviations):
    """Every number is moved by so much of its own deviation, up or down."""

    def make(draw):
        rows, _ = draw.take()
        signs = draw.random.choice([-1, 1], rows.shape[1:])
        return draw.clip(rows + deviations * signs * rows.std(0))

    return make


def inner(share):
    """The rows that lie nearest to the middle."""

    def make(draw):
        flat = draw.pool.reshape(len(draw.pool), -1)
        away = ((flat - flat.mean(0)) ** 2).sum(1)
        return draw.take(away <= np.quantile(away, share))[0]

    return make


def contrast(factor):
    return lambda draw: (draw.take()[0] * factor).astype("f4")


def binarized(draw):
    return np.where(draw.take()[0] > 0, 1, -1).astype("f4")


def scattered(share):
    def make(draw):
        rows, _ = draw.take()
        at = np.flatnonzero(draw.random.random(len(rows)) < share)
        if draw.image:
            rows[at] = draw.random.uniform(-1, 1, rows[at].shape)
        else:
            low, high = np.quantile(draw.reals, [0.001, 0.999], axis=0)
            rows[at] = draw.random.uniform(low, high, rows[at].shape)
        return rows

    return make


def copied(share, noise=0.0):
    def make(draw):
        rows, _ = draw.take()
        count = int(round(share * len(rows)))
        chosen = draw.random.choice(len(draw.reals), count, replace=count > len(draw.reals))
        rows[:count] = draw.reals[chosen] + noise * draw.random.normal(size=rows[:count].shape)
        return draw.clip(rows)

    return make


def one_sample(share, noise=0.0):
    def make(draw):
        rows, _ = draw.take()
        at = np.flatnonzero(draw.random.random(len(rows)) < share)
        rows[at] = rows[at[0]] + noise * draw.random.normal(size=rows[at].shape)
        return draw.clip(rows)

    return make


def with_labels(ignored, classes=None):
    """Fakes with the classes that were asked for, of which a share (of some classes) is ignored."""

    def make(draw):
        rows, labels = draw.take()
        wrong = draw.random.random(len(labels)) < ignored
        if classes is not None:
            # Asked for such a class, made another one.
            wrong &= np.isin(labels, classes)
            draw.asked = labels
            more, of_more = draw.pool[draw.m :], draw.pool_labels[draw.m :]
            rows[wrong] = more[~np.isin(of_more, classes)][: wrong.sum()]
        else:
            draw.asked = np.where(wrong, draw.random.permutation(labels), labels)
        return rows

    return make


def trained_on(share, noise=0.0, width=1.0):
    """Fakes beside training data, other rows than the reals, of which a share is copied."""

    def make(draw):
        half = min(draw.m, len(draw.pool) // 2)
        rows, draw.training = draw.pool[:half].copy(), draw.pool[half:]
        rows = rows.mean(0) + width * (rows - rows.mean(0))
        count = int(round(share * half))
        chosen = draw.random.choice(len(draw.training), count)
        scale = 1 if draw.image else rows.std()
        rows[:count] = draw.training[chosen] + noise * scale * draw.random.normal(size=rows[:count].shape)
        return draw.clip(rows)

    return make


def healthy(draw):
    return draw.take()[0]
