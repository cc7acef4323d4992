package page

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// same are the texts that are the same word in both languages.
var same = []string{"api"}

// INV-PAGE-TWO-LANGUAGES
func TestEveryTextIsInBothLanguages(t *testing.T) {
	verbs := regexp.MustCompile(`%.`)
	for key, p := range catalogue {
		if p.vi == "" || p.en == "" || p.vi == p.en && !slices.Contains(same, key) {
			t.Errorf("%q: %q, %q", key, p.vi, p.en)
		}
		for _, text := range []string{p.en, p.one} {
			if text != "" && !slices.Equal(verbs.FindAllString(p.vi, -1), verbs.FindAllString(text, -1)) {
				t.Errorf("%q: other arguments in %q than in %q", key, text, p.vi)
			}
		}
	}
}

// What a template asks for is there, and what is there is asked for.
func TestTemplatesAndCatalogueFit(t *testing.T) {
	asked := map[string]bool{}
	// Keys that a template puts together.
	for _, key := range []string{"standing-missed", "standing-met", "standing-exceeded", "standing-no-target", "sorted-percent", "sorted--percent", "sorted-name"} {
		asked[key] = true
	}
	err := fs.WalkDir(templates, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(templates, path)
		for _, found := range regexp.MustCompile(`\bt "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			asked[found[1]] = true
			if _, ok := catalogue[found[1]]; !ok {
				t.Errorf("%s asks for %q", path, found[1])
			}
		}
		if outside := regexp.MustCompile(`(?i)<script|<style|style="|https?:|\son[a-z]+="`).FindString(string(text)); outside != "" {
			t.Errorf("%s holds %q", path, outside)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range catalogue {
		if !asked[key] && !strings.HasPrefix(key, "kind-") {
			t.Errorf("nobody asks for %q", key)
		}
	}
}

func TestEveryKindHasAName(t *testing.T) {
	var words []string
	for _, name := range registrypb.OrganisationKind_name {
		words = append(words, strings.TrimPrefix(name, "ORGANISATION_KIND_"))
	}
	for _, name := range membershippb.IntakeKind_name {
		words = append(words, strings.TrimPrefix(name, "INTAKE_KIND_"))
	}
	for _, word := range words {
		if _, ok := catalogue["kind-"+word]; !ok && word != "UNSPECIFIED" {
			t.Errorf("%s has no name", word)
		}
	}
}

func TestSingular(t *testing.T) {
	for _, c := range []struct {
		lang  language
		count string
		want  string
	}{
		{english, "1", "1 more unit directly below is not shown here."},
		{english, "2", "2 more units directly below are not shown here."},
		{vietnamese, "1", "Còn 1 đơn vị trực thuộc không hiện ở đây."},
	} {
		if got, err := c.lang.text("children-left", c.count); err != nil || got != c.want {
			t.Errorf("%s, %s: %q %v", c.lang, c.count, got, err)
		}
	}
	if _, err := vietnamese.text("no such text"); err == nil {
		t.Error("a text that is not there is no error")
	}
}

func TestNumbers(t *testing.T) {
	figure := func(actual int64, assigned *int64) *planningpb.Figure {
		return &planningpb.Figure{ActualValue: actual, AssignedValue: assigned}
	}
	for _, c := range []struct{ got, vi, en string }{
		{vietnamese.number(4857) + " " + english.number(4857), "4.857", "4,857"},
		{vietnamese.number(-1234567) + " " + english.number(-1234567), "-1.234.567", "-1,234,567"},
		{vietnamese.percent("142.86") + " " + english.percent("142.86"), "142,86%", "142.86%"},
		{vietnamese.percent("") + " " + english.percent(""), "–", "–"},
		{vietnamese.fraction(figure(4857, new(int64(4511)))) + " " + english.fraction(figure(4857, new(int64(4511)))), "4.857/4.511", "4,857/4,511"},
		{vietnamese.fraction(figure(3, new(int64(0)))) + " " + english.fraction(figure(750, nil)), "3/0", "750"},
		{vietnamese.date("2020-11-03") + " " + english.date("2020-11-03"), "03/11/2020", "3 November 2020"},
		{vietnamese.date("soon") + " " + english.date(""), "soon", ""},
	} {
		if c.got != c.vi+" "+c.en {
			t.Errorf("%q, want %q and %q", c.got, c.vi, c.en)
		}
	}
}
