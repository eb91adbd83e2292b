"""Text that other programs wrote, in whichever encoding they wrote it."""


def text_of(content: bytes, *, windows: bool = False) -> str:
    """The text of a file, without its byte order mark and with a line feed at the ends of its lines.

    UTF-8 and UTF-16, with a byte order mark or without; `windows`: else Windows-1252, for words in English whose
    accents matter little. Raises `UnicodeDecodeError` for everything else.
    """
    # Each second byte of Latin text is nought in UTF-16, and none is in any other text.
    pairs = content[:4]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16")
    elif len(pairs) == 4 and not pairs[1] and not pairs[3] and pairs[0] and pairs[2]:
        text = content.decode("utf-16-le")
    elif len(pairs) == 4 and not pairs[0] and not pairs[2] and pairs[1] and pairs[3]:
        text = content.decode("utf-16-be")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            if not windows:
                raise
            text = content.decode("cp1252")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
