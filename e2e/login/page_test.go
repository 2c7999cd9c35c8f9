package login

import (
	"fmt"
	"math"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// lookScript lists every element that has text of its own, with the colours in
// effect, and whether anything sticks out of the window.
const lookScript = `(() => {
  const solid = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== 'rgba(0, 0, 0, 0)') return c } return 'rgb(255, 255, 255)' }
  const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
  const all = [...document.body.querySelectorAll('*')].filter(own)
  return {
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    high: document.documentElement.scrollHeight > document.documentElement.clientHeight,
    headings: document.querySelectorAll('h1').length, language: document.documentElement.lang,
    scripts: document.scripts.length,
    text: document.body.innerText,
    parts: all.map(e => ({ text: e.innerText, color: getComputedStyle(e).color, background: solid(e), size: parseFloat(getComputedStyle(e).fontSize) })),
  }
})()`

type look struct {
	Wide, High        bool
	Headings, Scripts int
	Language, Text    string
	Parts             []struct {
		Text, Color, Background string
		Size                    float64
	}
}

// checkLook measures a page of hallmark in light and dark, on a desk and on the
// narrowest screen of WCAG 2.2 (1.4.10), and takes pictures.
func checkLook(t *testing.T, b *tab, name string) {
	t.Helper()
	backgrounds := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1024, 320} {
			var l look
			b.do(t,
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
				chromedp.EmulateViewport(width, 640),
				chromedp.Evaluate(lookScript, &l))
			label := fmt.Sprintf("%s-%s-%d", name, scheme, width)
			b.picture(t, label)
			if l.Wide || l.High {
				t.Errorf("%s: page does not fit its window", label)
			}
			if l.Headings != 1 || l.Language != "en" || l.Scripts != 0 {
				t.Errorf("%s: %d headings, language %q, %d scripts; want 1, en, 0", label, l.Headings, l.Language, l.Scripts)
			}
			if len(l.Parts) < 2 {
				t.Errorf("%s: %d pieces of text were measured, want 2 or more", label, len(l.Parts))
			}
			for _, p := range l.Parts {
				backgrounds[scheme+p.Background] = true
				ratio, err := contrast(p.Color, p.Background)
				if err != nil || ratio < 7 { // WCAG 2.2, 1.4.6 (AAA)
					t.Errorf("%s: contrast of %q is %.1f (%s on %s, %v), want 7", label, p.Text, ratio, p.Color, p.Background, err)
				}
				if p.Size < 14 {
					t.Errorf("%s: %q is %v px high, want 14", label, p.Text, p.Size)
				}
			}
		}
	}
	if len(backgrounds) != 2 {
		t.Errorf("want one background in light and another in dark, got %v", backgrounds)
	}
}

// contrast is the ratio of WCAG 2.2 of two opaque colours.
func contrast(a, b string) (float64, error) {
	la, err := luminance(a)
	if err != nil {
		return 0, err
	}
	lb, err := luminance(b)
	if err != nil {
		return 0, err
	}
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05), nil
}

func luminance(color string) (float64, error) {
	var c [3]float64
	if n, err := fmt.Sscanf(color, "rgb(%g, %g, %g)", &c[0], &c[1], &c[2]); n != 3 {
		return 0, fmt.Errorf("%q is no opaque colour: %v", color, err)
	}
	for i, v := range c {
		if v /= 255; v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2], nil
}

func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"rgb(0, 0, 0)", "rgb(255, 255, 255)", 21},
		{"rgb(255, 255, 255)", "rgb(255, 255, 255)", 1},
		{"rgb(119, 119, 119)", "rgb(255, 255, 255)", 4.48},
	} {
		got, err := contrast(c.a, c.b)
		if err != nil || math.Abs(got-c.want) > 0.01 {
			t.Errorf("contrast(%s, %s) = %.2f, %v; want %.2f", c.a, c.b, got, err, c.want)
		}
	}
	if _, err := contrast("rgba(0, 0, 0, 0.5)", "rgb(255, 255, 255)"); err == nil {
		t.Error("a colour that is not opaque is accepted")
	}
}
