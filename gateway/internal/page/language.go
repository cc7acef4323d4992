package page

import (
	"net/http"

	xlanguage "golang.org/x/text/language"
)

// language is a language of the pages.
type language string

// The languages.
const (
	vietnamese language = "vi"
	english    language = "en"
)

// languageCookie remembers the language that a reader chose, for a year.
const (
	languageCookie = "coso-lang"
	cookieAge      = 365 * 24 * 60 * 60
)

// known are the languages a browser may ask for; the first is meant where it asks for none of them.
var known = xlanguage.NewMatcher([]xlanguage.Tag{xlanguage.Vietnamese, xlanguage.English})

// languageOf is the language to answer in: the one asked for, else the one chosen before, else the browser's, else
// Vietnamese.
func languageOf(r *http.Request) language {
	if lang, ok := languageNamed(r.URL.Query().Get("lang")); ok {
		return lang
	}
	if lang, ok := languageKept(r); ok {
		return lang
	}
	tags, _, err := xlanguage.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return vietnamese // a header that no browser sends
	}
	if _, i, _ := known.Match(tags...); i == 1 {
		return english
	}
	return vietnamese
}

// other is the language that is not this one.
func (l language) other() language {
	if l == english {
		return vietnamese
	}
	return english
}

func languageNamed(name string) (language, bool) {
	lang := language(name)
	return lang, lang == vietnamese || lang == english
}

func languageKept(r *http.Request) (language, bool) {
	c, err := r.Cookie(languageCookie)
	if err != nil {
		return "", false
	}
	return languageNamed(c.Value)
}

// remember keeps the language that the reader has just chosen.
func remember(w http.ResponseWriter, r *http.Request) {
	lang, ok := languageNamed(r.URL.Query().Get("lang"))
	if kept, had := languageKept(r); !ok || had && kept == lang {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: string(lang), Path: "/", MaxAge: cookieAge, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
