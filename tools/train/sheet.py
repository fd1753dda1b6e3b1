"""Contact sheets: rows of frames with a label, as one PNG."""
from PIL import Image, ImageDraw


def write_sheet(path, clips, labels=None, columns=8):
    """One row per clip (uint8 [frames, h, w, 3]), `columns` frames spread evenly over it."""
    height, width = clips[0].shape[1:3]
    band = 14 if labels else 0
    image = Image.new("RGB", (width * columns, (height + band) * len(clips)), (20, 20, 20))
    draw = ImageDraw.Draw(image)
    for row, clip in enumerate(clips):
        for column in range(columns):
            frame = clip[round(column * (len(clip) - 1) / (columns - 1))]
            image.paste(Image.fromarray(frame), (column * width, row * (height + band) + band))
        if labels:
            draw.text((4, row * (height + band) + 1), labels[row], fill=(255, 255, 255))
    image.save(path)
