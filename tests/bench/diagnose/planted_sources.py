"""Sources of reals for planted.py: draw(random, count) gives rows and their classes, or None."""

import gzip

import numpy as np


class Pool:
    """A fixed set of rows, of which reals and fakes are different ones."""

    def __init__(self, rows, labels=None):
        self.rows, self.labels = rows, labels

    def draw(self, random, count):
        chosen = random.permutation(len(self.rows))[:count]
        return self.rows[chosen], None if self.labels is None else self.labels[chosen]


class Law:
    """A distribution to draw from."""

    def __init__(self, sample):
        self.sample = sample

    def draw(self, random, count):
        return self.sample(random, count)


def groups(width, count, apart, deviation, weights=None, seed=5):
    centres = np.random.default_rng(seed).normal(size=(count, width)) * apart

    def sample(random, rows):
        labels = random.choice(count, rows, p=weights)
        values = centres[labels] + random.normal(size=(rows, width)) * deviation
        return values.astype("f4"), labels

    return Law(sample)


def shaped_groups(width, count, apart, shape, seed):
    """Groups of unit size that are no normal laws: cubic, shell, heavy (t, 3 degrees) or stretched."""
    made = np.random.default_rng(seed)
    centres = made.normal(size=(count, width)) * apart / np.sqrt(width)
    turns = made.normal(size=(count, width, width)) / np.sqrt(width)

    def sample(random, n):
        labels = random.integers(0, count, n)
        rows = random.normal(size=(n, width))
        if shape == "cubic":
            rows = random.uniform(-1, 1, (n, width))
        elif shape == "shell":
            rows *= (1 + 0.05 * random.normal(size=(n, 1))) / np.linalg.norm(rows, axis=1, keepdims=True)
        elif shape == "heavy":
            rows = random.standard_t(3, (n, width)) / np.sqrt(3)
        elif shape == "stretched":
            rows = np.einsum("ni,nij->nj", rows / np.arange(1, width + 1), turns[labels])
        return (centres[labels] + rows).astype("f4"), labels

    return Law(sample)


def spectrum(width, power, seed=3):
    """Normal rows whose variances fall as i^-power along random directions."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))
    scale = np.arange(1, width + 1) ** (-power / 2)
    return Law(lambda random, n: ((random.normal(size=(n, width)) * scale @ basis).astype("f4"), None))


def student(width, freedom):
    return Law(lambda random, n: (random.standard_t(freedom, (n, width)).astype("f4"), None))


def laplace(width):
    return Law(lambda random, n: (random.laplace(size=(n, width)).astype("f4"), None))


def two_circles(inner, deviation):
    """About one middle, of radius 1 (class 0) and `inner` (class 1)."""

    def sample(random, n):
        labels = random.integers(0, 2, n)
        angle = random.uniform(0, 2 * np.pi, n)
        radius = np.where(labels == 0, 1, inner)[:, None]
        rows = radius * np.stack([np.cos(angle), np.sin(angle)], 1) + deviation * random.normal(size=(n, 2))
        return rows.astype("f4"), labels

    return Law(sample)


def repeated_point(width, share):
    def sample(random, n):
        rows = random.normal(size=(n, width)).astype("f4")
        rows[random.random(n) < share] = 0.5
        return rows, None

    return Law(sample)


def constant_columns(width, constant):
    def sample(random, n):
        rows = random.normal(size=(n, width)).astype("f4")
        rows[:, :constant] = 3
        return rows, None

    return Law(sample)


def whole_numbers(width, different, groups_of_rows=6, seed=9):
    """A quarter of the numbers of a group's row drawn anew, so that any two sets have rows in common."""
    bases = np.random.default_rng(seed).integers(0, different, (groups_of_rows, width))

    def sample(random, n):
        labels = random.integers(0, groups_of_rows, n)
        anew = random.random((n, width)) < 0.25
        return np.where(anew, random.integers(0, different, (n, width)), bases[labels]).astype("f4"), labels

    return Law(sample)


def categories(count, power=1.0):
    """One-hot rows; the classes are the categories, rarer by rank."""
    weights = zipf(count, power)

    def sample(random, n):
        labels = random.choice(count, n, p=weights)
        return np.eye(count, dtype="f4")[labels], labels

    return Law(sample)


def mixed_table(categories_of=(6, 3), seed=8):
    """Two categories, a count, an amount, a flag and a column that is constant. Classes: the first category."""
    rates = np.random.default_rng(seed).uniform(0.5, 6, categories_of[0])

    def sample(random, n):
        labels, other = random.integers(0, categories_of[0], n), random.integers(0, categories_of[1], n)
        columns = [
            np.eye(categories_of[0])[labels], np.eye(categories_of[1])[other], random.poisson(rates[labels])[:, None],
            1000 * random.lognormal(size=(n, 1)), random.random((n, 1)) < 0.1, np.full((n, 1), 7.0),
        ]
        return np.concatenate(columns, 1).astype("f4"), labels

    return Law(sample)


def sparse(width, share):
    """Amounts most of which are zero."""
    return Law(lambda random, n: ((random.exponential(size=(n, width)) * (random.random((n, width)) < share)).astype("f4"),
                                  None))


def of_unequal_scale(law, width, seed=4):
    """Columns in units from a thousandth to ten thousand."""
    scales = 10 ** np.random.default_rng(seed).uniform(-3, 4, width)

    def sample(random, n):
        rows, labels = law.draw(random, n)
        return (rows * scales).astype("f4"), labels

    return Law(sample)


def zipf(count, power=1.0):
    weights = np.arange(1, count + 1) ** -power
    return weights / weights.sum()


def read_idx(path):
    raw = gzip.open(path).read()
    dimensions = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    return np.frombuffer(raw, "u1", offset=4 + 4 * dimensions).reshape(shape)


def mnist(folder, part):
    images = read_idx(f"{folder}/{part}-images-idx3-ubyte.gz")
    labels = read_idx(f"{folder}/{part}-labels-idx1-ubyte.gz")
    return Pool((images[:, None] / 127.5 - 1).astype("f4"), labels.astype("i8"))


def small_digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    return Pool((data.images[:, None] / 8 - 1).astype("f4"), data.target.astype("i8"))


def photograph(name, side, step):
    from sklearn.datasets import load_sample_image

    picture = load_sample_image(name).astype("f4") / 127.5 - 1
    rows = [
        picture[y : y + side, x : x + side].transpose(2, 0, 1)
        for y in range(0, picture.shape[0] - side, step)
        for x in range(0, picture.shape[1] - side, step)
    ]
    return Pool(np.stack(rows))
