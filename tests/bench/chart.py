"""Draws the ratios that tests/bench/measure.py took, as SVG: a bar for each row, a line for
its spread, and one where both are equal. Readable on a light and on a dark page."""

import json
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, TOP = 760, 230, 90, 26, 44


def main():
    with open(sys.argv[1], encoding="utf-8") as result:
        result = json.load(result)
    rows = [row for row in result["rows"] if "rate_x_nginx" in row]
    longest = max(3.0, max(row["rate_x_nginx"]["greatest"] for row in rows))
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = TOP + ROW * len(rows) + 14
    machine = result["machine"]
    title = f"Requests a second, as multiples of nginx's ({machine['cores']} cores, load {machine['load']:.0f}, {machine['date']})"
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        "<style>text{font:13px sans-serif;fill:#57606a}.bar{fill:#2f6f9f}.spread{stroke:#8c959f;stroke-width:2}"
        ".one{stroke:#8c959f;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#adbac7}.bar{fill:#6cb6ff}}</style>",
        f'<text x="8" y="18">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        ratio, top = row["rate_x_nginx"], TOP + ROW * number
        name = f"{row['name']}, {row['connections']} connections"
        least, greatest = LEFT + ratio["least"] * scale, LEFT + ratio["greatest"] * scale
        drawn += [
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="bar" x="{LEFT}" y="{top + 2}" width="{ratio["median"] * scale:.1f}" height="16" rx="2"/>',
            f'<line class="spread" x1="{least:.1f}" x2="{greatest:.1f}" y1="{top + 10}" y2="{top + 10}"/>',
            f'<text x="{max(greatest, LEFT + ratio["median"] * scale) + 6:.1f}" y="{top + 14}">{ratio["median"]:.2f} ×</text>',
        ]
    one = LEFT + scale
    drawn += [f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{TOP - 8}" y2="{height - 10}"/>', "</svg>"]
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("\n".join(drawn) + "\n")


main()
