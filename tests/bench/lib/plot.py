"""The picture of a run: each figure's ratio beside the bound it is held to. SVG by gnuplot; nothing when that is not installed."""
import os
import shutil
import subprocess

SCRIPT = """
set terminal svg size 960,420 dynamic font "sans-serif,12" background "#ffffff"
set output "{svg}"
set title "Furrow against the bare libraries (ratio; {title})"
set style fill solid 0.8
set boxwidth 0.55
set yrange [0:*]
set ylabel "product / baseline"
set grid ytics lc rgb "#dddddd"
set xtics rotate by -20 font ",10" offset -2,0
set bmargin 6
set rmargin 12
set key top left
plot "{data}" using 1:3:xtic(2) with boxes lc rgb "#4f8a4f" title "ratio", \\
     "" using 1:4 with points pt 7 ps 0.9 lc rgb "#b03020" title "at least", \\
     "" using 1:5 with points pt 5 ps 0.9 lc rgb "#20508f" title "at most"
"""


def draw(done, folder, title):
    """The path of the picture, or None."""
    os.makedirs(folder, exist_ok=True)
    data, svg = os.path.join(folder, "ratios.dat"), os.path.join(folder, "ratios.svg")
    with open(data, "w") as out:
        for number, figure in enumerate(done):
            value, baseline = figure.median()
            out.write(f'{number} "{figure.bench}: {figure.point}" {value / baseline} {figure.minimum or "NaN"} {figure.maximum or "NaN"}\n')
    if not shutil.which("gnuplot"):
        return None
    subprocess.run(["gnuplot"], input=SCRIPT.format(svg=svg, data=data, title=title), text=True, check=True, stderr=subprocess.DEVNULL)
    return svg
