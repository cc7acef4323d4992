package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"coso/deploy/internal/sheet"
)

// spoken is the language in which a command line is refused before its own --lang was read: what it says of that, else
// COSO_LANG, else Vietnamese.
func spoken(args []string) sheet.Lang {
	given := os.Getenv("COSO_LANG")
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--lang="); ok {
			given = value
		} else if arg == "--lang" && i+1 < len(args) {
			given = args[i+1]
		}
	}
	if given == string(sheet.English) {
		return sheet.English
	}
	return sheet.Vietnamese
}

// usage is one thing that may be said, and its parts in Vietnamese.
type usage struct {
	en *regexp.Regexp
	vi string
}

// usages are what is said of command lines, as the parser and the checks of flags say it, and in Vietnamese.
var usages = []usage{
	{regexp.MustCompile(`^missing flags?: (.*)$`), "thiếu tham số $1"},
	{regexp.MustCompile(`^expected "(.*)"$`), "thiếu $1"},
	{regexp.MustCompile(`^expected one of (.*)$`), "phải chọn một trong các lệnh $1"},
	{regexp.MustCompile(`^unexpected argument (\S+), did you mean (.*)\?$`), "không có $1; có phải là $2?"},
	{regexp.MustCompile(`^unexpected argument (.*)$`), "không có $1"},
	{regexp.MustCompile(`^unknown flag (\S+), did you mean (.*)\?$`), "không có tham số $1; có phải là $2?"},
	{regexp.MustCompile(`^unknown flag (\S+)$`), "không có tham số $1"},
	{regexp.MustCompile(`^(\S+) must be one of (.*) but got (.*)$`), "$1 phải là một trong $2, không phải $3"},
	{regexp.MustCompile(`^(\S+): missing value, expecting (.*)$`), "$1 thiếu giá trị"},
	{regexp.MustCompile(`^(?:(.+): )?there is no (file|folder) (.*)$`), "không có tệp hay thư mục $3"},
	{regexp.MustCompile(`^(?:(.+): )?(.*) is no (?:file|folder)$`), "$2 không phải loại cần ở đây (tệp hay thư mục)"},
	{regexp.MustCompile(`^(.+): "(.*)" names no folder$`), `$1: "$2" không phải tên thư mục`},
	{regexp.MustCompile(`^(.+): "(.*)" is no whole number; write one in digits, e\.g\. (.*)$`), `$1: "$2" không phải số nguyên; hãy viết bằng chữ số, như $3`},
	{regexp.MustCompile(`^(.+): "(.*)" is no address of a server; write it like (.*)$`), `$1: "$2" không phải địa chỉ máy chủ; hãy viết như $3`},
}

// inLanguage is a refusal of a command line in a language; what is not known to be one stays as it is.
func inLanguage(lang sheet.Lang, said string) string {
	if lang == sheet.English {
		return said
	}
	lines := strings.Split(said, "\n")
	for i, line := range lines {
		if at := slices.IndexFunc(usages, func(u usage) bool { return u.en.MatchString(line) }); at >= 0 {
			lines[i] = usages[at].en.ReplaceAllString(line, usages[at].vi)
		}
	}
	return strings.Join(lines, "\n")
}
