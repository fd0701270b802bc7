package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// colours of the phones, told apart by those who do not see all colours too.
var colours = map[string]color.Color{
	"karat":    color.RGBA{0xd5, 0x5e, 0x00, 0xff},
	"linphone": color.RGBA{0x00, 0x72, 0xb2, 0xff},
	"baresip":  color.RGBA{0x00, 0x9e, 0x73, 0xff},
}

// plotQuality draws Listening over random loss, and in bursts as single dots.
func plotQuality(mean map[string]map[string]call, path string) error {
	p := plot.New()
	p.Title.Text = "Listening quality over loss (lines: random, triangles: in bursts)"
	p.X.Label.Text = "packets lost, %"
	p.Y.Label.Text = "Listening, 1 to 4.64"
	p.Y.Min, p.Y.Max = 1, 4.7
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for _, name := range phoneNames {
		var random, bursts plotter.XYs
		for _, c := range cells() {
			r, measured := mean[c.Name][name]
			if !measured || c.Line.Jitter > 0 {
				continue
			}
			dot := plotter.XY{X: 100 * c.Line.Loss, Y: r.Listening}
			if c.Line.Burst > 1 {
				bursts = append(bursts, dot)
			} else {
				random = append(random, dot)
			}
		}
		line, dots, err := plotter.NewLinePoints(random)
		if err != nil {
			return err
		}
		line.Color, dots.Color, line.Width = colours[name], colours[name], vg.Points(2)
		p.Add(line, dots)
		p.Legend.Add(name, line)
		if err := addTriangles(p, bursts, colours[name]); err != nil {
			return err
		}
	}
	return p.Save(18*vg.Centimeter, 11*vg.Centimeter, path)
}

func addTriangles(p *plot.Plot, at plotter.XYs, c color.Color) error {
	s, err := plotter.NewScatter(at)
	if err != nil {
		return err
	}
	s.Shape, s.Color, s.Radius = draw.PyramidGlyph{}, c, vg.Points(5)
	p.Add(s)
	return nil
}
