"""The data sets that have a name: which archives there are, with their checksums, and what is in them.

All but `glyphs`, `emoji` and `wordnet` come through torchvision. What it knows of them is written down here, so that
finding and checking files takes no import of torch; a test compares. `contraflow.images.torchvision_sets` opens them.
"""

from dataclasses import dataclass
from pathlib import Path

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_TYPEFACES = Path("/usr/share/fonts/truetype")
DEBIAN_UNICODE = Path("/usr/share/unicode")
DEBIAN_WORDNET = Path("/usr/share/wordnet")
EMOJI_LANGUAGES = ("en", "de", "es", "ar", "ja")
EMOJI_ANNOTATIONS = ("annotations", "annotationsDerived")  # of characters, and of what is composed of them

# SHA-256 of what is inside Fashion-MNIST's archives. Debian packs the same files anew, so the archives that torchvision
# knows by checksum and Debian's differ in their gzip headers and in nothing else.
_FASHION_MNIST_CONTENT = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


@dataclass(frozen=True)
class Source:
    """One data set: how large its images are, how many are for training and of how many classes, and its files.

    `side` is in pixels; of the training images some are held out for validation. `archives` maps the file names that
    torchvision downloads to their MD5, `folder` is where under its root folder it keeps them, and `files` are what it
    reads in the end, relative to the root. `content` gives SHA-256 of what is inside, where archives packed otherwise
    are welcome too. `packages` names folders of the system's packages that hold the archives, and `remedy` says what to
    install for them. `downloadable` is whether torchvision gets what is missing, `texts` whether images have any, and
    `groups` whether groups of them show the same. A `side` of 0 says that texts are all that there is.
    """

    side: int
    images: int
    classes: int
    archives: dict[str, str]
    files: tuple[str, ...]
    folder: str = "."
    gzipped: bool = False
    content: dict[str, str] | None = None
    packages: tuple[Path, ...] = ()
    remedy: str = ""
    downloadable: bool = True
    texts: bool = False
    groups: bool = False

    @property
    def packed(self) -> bool:
        """Whether an archive holds several files, which torchvision unpacks."""
        return not self.gzipped and not set(self.archives) <= set(self.files)


def _gzipped(folder: str, archives: dict[str, str], **more) -> Source:
    files = tuple(f"{folder}/{name.removesuffix('.gz')}" for name in archives)
    return Source(28, 60_000, 10, archives, files, folder, gzipped=True, **more)


def _inside(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


SOURCES: dict[str, Source] = {
    "fashion_mnist": _gzipped(
        "FashionMNIST/raw",
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
        content=_FASHION_MNIST_CONTENT,
        packages=(DEBIAN_FASHION_MNIST,),
        remedy="apt install dataset-fashion-mnist",
    ),
    "mnist": _gzipped(
        "MNIST/raw",
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "cifar10": Source(
        32,
        50_000,
        10,
        {"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"},
        _inside("cifar-10-batches-py", *(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"),
    ),
    "cifar100": Source(
        32,
        50_000,
        100,
        {"cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85"},
        _inside("cifar-100-python", "train", "test", "meta"),
    ),
    "svhn": Source(
        32,
        73_257,
        10,
        {
            "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
        },
        ("train_32x32.mat", "test_32x32.mat"),
    ),
    "stl10": Source(
        96,
        5_000,
        10,
        {"stl10_binary.tar.gz": "91f7769df0f17e558f3565bffb0c7dfb"},
        # The 100,000 unlabelled images are left out: only the 5,000 labelled training images and the test are used.
        _inside("stl10_binary", "train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt"),
    ),
    # Typefaces whose files are the same in Debian 12 and 13. Noto's are not: pictures would differ between machines.
    "glyphs": Source(
        32,
        4 * 4_734,
        4_734,
        {
            "ukai.ttc": "f4ab65db3fcb8694960c3afe590f5c65",
            "uming.ttc": "75533bdcc9c99c9e17b1b190562b6128",
            "wqy-zenhei.ttc": "94535cc0c7231cb162f2d8bb9debf639",
            "HanaMinA.ttf": "b48893dc54714cb818c1b0c12da8c426",
        },
        ("ukai.ttc", "uming.ttc", "wqy-zenhei.ttc", "HanaMinA.ttf"),
        packages=tuple(DEBIAN_TYPEFACES / folder for folder in ("arphic", "wqy", "hanazono")),
        remedy="apt install fonts-arphic-ukai fonts-arphic-uming fonts-wqy-zenhei fonts-hanazono",
        downloadable=False,
    ),
    # As Debian 12 has them; with other versions pictures, texts and split would differ between machines.
    "emoji": Source(
        32,
        2_741,
        99,
        {
            "NotoColorEmoji.ttf": "99c520d7a290c628cb9127ac4177bb5b",
            "emoji-test.txt": "b3c7a84a57aee5730898e34dcaa227fd",
            "annotations/en.xml": "c0f955e9b0c36d02742a0ecb1a8bd530",
            "annotations/de.xml": "fbb189e5170d65a74b85e33f211dea68",
            "annotations/es.xml": "54601da02299c4b7811fb52f350b2f62",
            "annotations/ar.xml": "7385c796a9cf1697dafeddb1dd6d5799",
            "annotations/ja.xml": "4add9145e6ebbcceaf90ccb3bb670a92",
            "annotationsDerived/en.xml": "1458fb6c9d0c296d48bbaec7fd2060d8",
            "annotationsDerived/de.xml": "b321609defb48193971dfdec6ae8266a",
            "annotationsDerived/es.xml": "bfe3d4a9aab781c70889453e11008553",
            "annotationsDerived/ar.xml": "2478101062fdb3bd69f45fa9e7f45b02",
            "annotationsDerived/ja.xml": "fe9a8b1f2a099eef14e9402a3913aee8",
        },
        (
            "NotoColorEmoji.ttf",
            "emoji-test.txt",
            *(f"{kind}/{language}.xml" for kind in EMOJI_ANNOTATIONS for language in EMOJI_LANGUAGES),
        ),
        packages=(DEBIAN_TYPEFACES / "noto", DEBIAN_UNICODE / "emoji", DEBIAN_UNICODE / "cldr/common"),
        remedy="apt install fonts-noto-color-emoji unicode-cldr-core unicode-data",
        downloadable=False,
        texts=True,
    ),
    "wordnet": Source(
        0,
        238_382,
        45,
        {
            "data.noun": "5be921c6e8381ec85d52c715f43f1f11",
            "data.verb": "c734f82f02f69d6f6310ef79ae3c19a6",
            "data.adj": "82d3db8e0670d3e0fe210f3bbe2f94d2",
            "data.adv": "1d4be0b69313b44a8d259a36a766047d",
        },
        ("data.noun", "data.verb", "data.adj", "data.adv"),
        packages=(DEBIAN_WORDNET,),
        remedy="apt install wordnet-base",
        downloadable=False,
        texts=True,
        groups=True,
    ),
}
