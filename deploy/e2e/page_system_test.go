//go:build system

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/deploy/internal/client"
	"coso/deploy/internal/report"
	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/staff"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/net/html"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// screenshots is where the pictures stay after the test, for people to look at.
const screenshots = "../../.cache/screenshots"

// chromium is a real Chromium with one tab.
type chromium struct {
	*testing.T

	ctx  context.Context
	base string
	// kept is the beginning of the names of its pictures.
	kept string

	mu sync.Mutex
	// wrong is what the browser complained about, and what it asked of other servers.
	wrong []string
}

// screen is how a reader looks at the pages.
type screen struct {
	width    int64
	scripts  bool
	dark     bool
	language string
}

func (s screen) name() string {
	scripts, scheme := "no-script", "light"
	if s.scripts {
		scripts = "script"
	}
	if s.dark {
		scheme = "dark"
	}
	return fmt.Sprintf("%d-%s-%s-%s", s.width, s.language, scheme, scripts)
}

// openChromium starts one; it ends with the test.
func openChromium(t *testing.T, base string, look screen) *chromium {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()), chromedp.Flag("accept-lang", look.language))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to be root in a sandbox
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	b := &chromium{T: t, base: base, kept: look.name()}
	if err := chromedp.Listen(ctx, b.heard); err != nil { // this starts it: its time is not limited by what comes
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b.ctx = ctx
	scheme := "light"
	if look.dark {
		scheme = "dark"
	}
	b.do(
		command(log.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{}),
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: look.width, Height: 900, DeviceScaleFactor: 1, Mobile: look.width < 600,
		}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !look.scripts}),
	)
	return b
}

// command is a command of the browser's protocol as an action.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// get is what an action answers.
func get[T any](b *chromium, a chromedp.Action[T]) T {
	b.Helper()
	got, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.Fatal(err)
	}
	return got
}

// heard notes complaints (a broken policy is one), and requests that leave the server.
func (b *chromium) heard(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.wrong = append(b.wrong, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		// A browser draws its own fields with pictures that it carries in itself.
		if u := e.Request.URL; !strings.HasPrefix(u, b.base+"/") && !strings.HasPrefix(u, "data:") {
			b.wrong = append(b.wrong, "it asks for "+u)
		}
	}
}

func (b *chromium) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// goes does something that leads to another page, and waits until that is there.
func (b *chromium) goes(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		b.Fatalf("no other page comes: %v", err)
	}
}

// seen is the page as the browser has it now.
func (b *chromium) seen() node {
	b.Helper()
	root, err := html.Parse(strings.NewReader(get(b, chromedp.OuterHTML(chromedp.CSS("html")))))
	if err != nil {
		b.Fatal(err)
	}
	return node{root}
}

// at is the address of the page.
func (b *chromium) at() *url.URL {
	b.Helper()
	u, err := url.Parse(get(b, chromedp.Location()))
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// keep takes a picture of the whole page. Nothing of it may stick out to the side.
func (b *chromium) keep(name string) {
	b.Helper()
	if wide := get(b, chromedp.Evaluate[[]string](jutting)); len(wide) > 0 {
		b.Errorf("%s is wider than the window:\n%s", name, strings.Join(wide, "\n"))
	}
	b.write(name+".png", get(b, chromedp.FullScreenshot(100)))
}

func (b *chromium) write(name string, data []byte) {
	b.Helper()
	if err := os.MkdirAll(screenshots, 0o750); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, b.kept+"-"+name), data, 0o600); err != nil {
		b.Fatal(err)
	}
}

// fractions are the results of the page by indicator, without the signs between thousands.
func fractions(n node) map[string]string {
	out := map[string]string{}
	for _, row := range n.all(func(e node) bool { return e.attr("data-indicator") != "" }) {
		out[row.attr("data-indicator")] = strings.NewReplacer(".", "", ",", "").Replace(row.tags("td")[0].text())
	}
	return out
}

func (b *chromium) sameAs(p *planningpb.Progress) {
	b.Helper()
	got := fractions(b.seen())
	for _, i := range p.GetIndicators() {
		id := strings.TrimPrefix(i.GetIndicator(), "indicators/")
		if want := strings.ReplaceAll(report.Fraction(i.GetFigure()), ".", ""); got[id] != want {
			b.Errorf("%s: the page shows %s, the API says %s", id, got[id], want)
		}
	}
}

// The pages in a real browser, as a planner uses them: on a telephone and on a desk, with and without scripts, by day and by
// night. The numbers shown are those of the API.
func TestPagesInChromium(t *testing.T) {
	s, _, c := loaded(t, dataSet)
	for _, look := range []screen{
		{320, false, false, "vi"}, {1280, false, false, "vi"}, {320, true, true, "en"}, {1280, true, true, "vi"}, {768, true, false, "en"},
	} {
		t.Run(look.name(), func(t *testing.T) { openChromium(t, s.base, look).tour(c, look) })
	}
}

// tour goes through the pages as a reader does.
func (b *chromium) tour(c *client.Client, look screen) {
	b.signIn()
	if h := b.seen().tags("h1")[0].text(); h != "Thành ủy Hà Nội" {
		b.Errorf("the first page is about %s", h)
	}
	if lang := b.seen().tags("html")[0].attr("lang"); lang != look.language {
		b.Errorf("a browser that speaks %s is answered in %s", look.language, lang)
	}
	b.sameAs(progressOf(b.T, c, "ha-noi", ""))
	b.readable()
	b.keep("1-city")
	b.skips()

	// Down: from the number to its facts, to the district that contributed, to its own facts.
	b.goes(chromedp.Click(chromedp.CSS(`tr[data-indicator="party-organisations"] td.result a`)))
	if rows := b.seen().all(func(e node) bool { return e.attr("data-fact") != "" }); len(rows) != 50 {
		b.Errorf("%d facts on the first page", len(rows))
	}
	b.readable()
	b.keep("2-facts")
	b.goes(chromedp.Click(chromedp.CSS(`a[rel="next"]`)))
	if rows := b.seen().all(func(e node) bool { return e.attr("data-fact") != "" }); len(rows) != 50 {
		b.Errorf("%d facts on the second page", len(rows))
	}
	b.goes(chromedp.Click(chromedp.CSS(`ul.split a[href*="unit=tay-ho"]`)))
	if rows := b.seen().all(func(e node) bool { return e.attr("data-fact") != "" }); len(rows) != 2 {
		b.Errorf("Tây Hồ has %d facts", len(rows))
	}
	b.goes(chromedp.Click(chromedp.CSS(`.kicker a`)))
	if h := b.seen().tags("h1")[0].text(); h != "Quận ủy Tây Hồ" {
		b.Errorf("the way back leads to %s", h)
	}
	b.sameAs(progressOf(b.T, c, "tay-ho", ""))
	b.keep("3-district")
	b.goes(chromedp.Click(chromedp.CSS(`.above a`)))

	// Another order, another indicator.
	b.goes(chromedp.Click(chromedp.CSS(`.tabs a[href*="indicator=trade-unions"]`)))
	b.goes(chromedp.Click(chromedp.CSS(`#children th a[href*="sort=name"]`)))
	if first := b.seen().id(b, "children").cells()[0][0]; first != "Huyện ủy Ba Vì" {
		b.Errorf("by name, %s comes first", first)
	}

	// Another day.
	b.day("2020-06-30")
	b.sameAs(progressOf(b.T, c, "ha-noi", "2020-06-30"))
	b.keep("4-june")

	// Another language, which is remembered.
	other := map[string]string{"vi": "en", "en": "vi"}[look.language]
	b.goes(chromedp.Click(chromedp.CSS(`.top a[hreflang="` + other + `"]`)))
	if q := b.at().Query(); q.Get("asOf") != "2020-06-30" {
		b.Errorf("the other language is about another day: %v", q)
	}
	b.sameAs(progressOf(b.T, c, "ha-noi", "2020-06-30"))
	b.goes(chromedp.Navigate(b.base + "/"))
	if lang := b.seen().tags("html")[0].attr("lang"); lang != other {
		b.Errorf("the choice of %s is forgotten", other)
	}
	b.keep("5-other-language")

	for name, path := range map[string]string{"6-nominations": "/nominations?unit=ha-noi", "7-units": "/units?query=dan", "8-intakes": "/facts?indicator=party-members"} {
		b.goes(chromedp.Navigate(b.base + path))
		b.readable()
		b.keep(name)
	}
	if refused := slices.IndexFunc(b.wrong, func(w string) bool { return strings.Contains(w, "401 (Unauthorized)") }); refused >= 0 { // the wrong password
		b.wrong = slices.Delete(b.wrong, refused, refused+1)
	}
	if len(b.wrong) > 0 {
		b.Errorf("the browser complains:\n%s", strings.Join(b.wrong, "\n"))
	}
	b.goes(chromedp.Navigate(b.base + "/?unit=nowhere"))
	b.readable()
	b.keep("9-refusal")
	b.printed()
}

// signIn comes to the first page by the one that asks who is there, first with a password that is wrong.
func (b *chromium) signIn() {
	b.Helper()
	b.goes(chromedp.Navigate(b.base + "/"))
	b.readable()
	b.keep("0-sign-in")
	for _, try := range []struct{ password, path string }{{"đoán mò", "/sign-in"}, {singletest.AdminPassword, "/"}} {
		b.do(chromedp.SetAttributeValue(chromedp.CSS("#username"), "value", staff.First), chromedp.SetAttributeValue(chromedp.CSS("#password"), "value", try.password))
		b.goes(chromedp.Click(chromedp.CSS(`form.sheet button`)))
		if got := b.at().Path; got != try.path {
			b.Fatalf("after %q the browser is at %s: %s", try.password, got, b.seen().tags("h1")[0].text())
		}
	}
}

// day sets the form's day and sends it.
func (b *chromium) day(day string) {
	b.Helper()
	b.do(chromedp.SetAttributeValue(chromedp.CSS("#asOf"), "value", day))
	b.goes(chromedp.Click(chromedp.CSS(`.chooser button`)))
	if q := b.at().Query(); q.Get("asOf") != day || q.Get("period") != "2020" {
		b.Errorf("the form asks for %v", q)
	}
}

// skips: who has no mouse comes first to the link that passes over the head of the page, and sees it.
func (b *chromium) skips() {
	b.Helper()
	b.do(chromedp.KeyEvent(kb.Tab))
	class := get(b, chromedp.Evaluate[string](`document.activeElement.className`))
	left := get(b, chromedp.Evaluate[float64](`document.activeElement.getBoundingClientRect().left`))
	if class != "skip" || left < 0 {
		b.Errorf("the first stop of the keyboard is %q at %v", class, left)
	}
}

// printed is the first page on paper.
func (b *chromium) printed() {
	b.Helper()
	b.goes(chromedp.Navigate(b.base + "/"))
	paper := get(b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()))
	if !strings.HasPrefix(string(paper), "%PDF-") {
		b.Errorf("no PDF: %d bytes", len(paper))
	}
	b.write("print.pdf", paper)
	b.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}))
	b.keep("print")
}

// faint finds texts whose contrast to what is behind them is below 4.5 (WCAG 2.2, 1.4.3), and what can be clicked and is
// lower than 24 px outside of running text (2.5.8).
const faint = `(() => {
	const parse = c => c.match(/[\d.]+/g).map(Number);
	const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c.slice(0, 3); } return [255, 255, 255]; };
	const out = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement, style = getComputedStyle(e);
		if (!n.data.trim() || style.visibility === "hidden" || e.closest(".quiet, option")) continue;
		const a = light(parse(style.color).slice(0, 3)), b = light(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) out.add(ratio.toFixed(2) + ": " + n.data.trim());
	}
	for (const e of document.querySelectorAll("button, input, select, nav a, .more, summary")) {
		const box = e.getBoundingClientRect();
		if (box.height > 0 && box.height < 24) out.add(box.height + " px: " + e.textContent.trim());
	}
	return [...out];
})()`

// jutting finds what makes a page wider than its window.
const jutting = `(() => {
	const there = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= there) return [];
	return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > there).map(e => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 60));
})()`

// readable holds the page to what can be read and hit.
func (b *chromium) readable() {
	b.Helper()
	if found := get(b, chromedp.Evaluate[[]string](faint)); len(found) > 0 {
		b.Errorf("hard to read or to hit:\n%s", strings.Join(found, "\n"))
	}
}
