package text_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"coso/services/platform/text"
)

func TestNFC(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"Ứng Hòa", "Ứng Hòa"},
		{"U\u031b\u0301ng Ho\u0300a", "Ứng Hòa"},
		{"Ư\u0301ng", "Ứng"},
		{"  two  spaces ", "  two  spaces "},
		{"ﬁ ½", "ﬁ ½"}, // compatibility forms stay as typed
	} {
		if got := text.NFC(tc.in); got != tc.want {
			t.Errorf("NFC(%+q) = %+q, want %+q", tc.in, got, tc.want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"   ", ""},
		{"Hà Nội", "ha noi"},
		{"HÀ NỘI", "ha noi"},
		{norm.NFD.String("Hà Nội"), "ha noi"},
		{"Đan Phượng", "dan phuong"},
		{"đảng ủy", "dang uy"},
		{"đảng uỷ", "dang uy"},
		{"Hòa", "hoa"},
		{"Hoà", "hoa"},
		{"Thúy", "thuy"},
		{"Thuý", "thuy"},
		{"Ứng Hòa", "ung hoa"},
		{"Ðông Anh", "dong anh"}, // Icelandic Eth, typed for Đ
		{"Ɖông Anh", "dong anh"}, // African D, typed for Đ
		{"ăâêôơưđ ĂÂÊÔƠƯĐ", "aaeooud aaeooud"},
		{"ắằẳẵặ ấầẩẫậ ếềểễệ ốồổỗộ ớờởỡợ ứừửữự", "aaaaa aaaaa eeeee ooooo ooooo uuuuu"},
		{"  Chi bộ \t Công ty\n TNHH\u00a0ABC  ", "chi bo cong ty tnhh abc"},
		{"12-QĐ/TU", "12-qd/tu"},
		{"Straße", "strasse"},
		{"İstanbul", "istanbul"},
		{"Łódź", "łodz"}, // only đ loses its stroke
		{"Ho\u200b\u0300a", "ho\u200ba"},
	} {
		if got := text.Fold(tc.in); got != tc.want {
			t.Errorf("Fold(%+q) = %+q, want %+q", tc.in, got, tc.want)
		}
	}
}

var vietnameseRunes = []rune("aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵbcdđghklmnpqrstvx ABCDĐÊÔƠƯ.-/12")

func anyText(t *rapid.T, label string) string {
	return rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom(vietnameseRunes))).Draw(t, label)
}

func checkFold(t interface{ Fatalf(string, ...any) }, s string) {
	folded := text.Fold(s)
	if again := text.Fold(folded); again != folded {
		t.Fatalf("Fold(%+q) = %+q, and folded again %+q", s, folded, again)
	}
	if other := text.Fold(norm.NFD.String(s)); other != folded {
		t.Fatalf("Fold(%+q) = %+q, but decomposed %+q", s, folded, other)
	}
	if strings.TrimSpace(folded) != folded || strings.Contains(folded, "  ") {
		t.Fatalf("Fold(%+q) = %+q: white space", s, folded)
	}
	for _, r := range folded {
		if unicode.Is(unicode.Mn, r) || r == 'đ' || 'A' <= r && r <= 'Z' {
			t.Fatalf("Fold(%+q) = %+q keeps %+q", s, folded, r)
		}
	}
}

func TestFoldOfCherokee(t *testing.T) {
	for _, s := range []string{"\uab70", "\u13a0"} {
		checkFold(t, s)
		if got := text.Fold(s); got != "\uab70" {
			t.Errorf("Fold(%+q) = %+q", s, got)
		}
	}
}

func TestFoldProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyText(t, "s")
		checkFold(t, s)
		if upper := text.Fold(strings.ToUpper(text.NFC(s))); isVietnamese(s) && upper != text.Fold(s) {
			t.Fatalf("Fold(%+q) = %+q, but in capitals %+q", s, text.Fold(s), upper)
		}
	})
}

func isVietnamese(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !slices.Contains(vietnameseRunes, r) })
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Hà Nội", "Đan Phượng", "İ", "ẞ", "ͅ", "ŉ", "한글", "\xff", "\u00a0", "Ⅷ", "ϓ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkFold(t, s) })
}

func TestCompareOrder(t *testing.T) {
	for _, tc := range []struct {
		name string
		want []string
	}{
		{"the alphabet", strings.Fields("a ă â b c d đ e ê g h i k l m n o ô ơ p q r s t u ư v x y")},
		{"the tones", []string{"ma", "mà", "mả", "mã", "má", "mạ"}},
		{"the alphabet before the tones", []string{"mạ", "măm", "mặn", "mâm", "mẫn", "mo"}},
		{"a later letter before an earlier tone", []string{"hoa", "hòa", "hoà An", "hòa Bình", "hoan"}},
		{"districts of Hà Nội", []string{
			"Ba Đình", "Ba Vì", "Bắc Từ Liêm", "Cầu Giấy", "Chương Mỹ", "Đan Phượng", "Đông Anh", "Đống Đa",
			"Gia Lâm", "Hà Đông", "Hai Bà Trưng", "Hoài Đức", "Hoàn Kiếm", "Hoàng Mai", "Long Biên", "Mê Linh", "Mỹ Đức",
			"Phú Xuyên", "Phúc Thọ", "Quốc Oai", "Sóc Sơn", "Sơn Tây", "Tây Hồ", "Thạch Thất", "Thanh Oai",
			"Thanh Trì", "Thanh Xuân", "Thường Tín", "Ứng Hòa",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := slices.Clone(tc.want)
			slices.Reverse(got)
			slices.SortFunc(got, text.Compare)
			if !slices.Equal(got, tc.want) {
				t.Errorf("sorted  %q\nwant    %q", got, tc.want)
			}
		})
	}
}

func TestCompareProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyText(t, "a"), anyText(t, "b"), anyText(t, "c")
		if text.Compare(a, b) != -text.Compare(b, a) {
			t.Fatalf("%+q and %+q have no order", a, b)
		}
		if (text.Compare(a, b) == 0) != (text.NFC(a) == text.NFC(b)) {
			t.Fatalf("Compare(%+q, %+q) = %d", a, b, text.Compare(a, b))
		}
		if text.Compare(a, norm.NFD.String(a)) != 0 {
			t.Fatalf("%+q is not equal to itself decomposed", a)
		}
		if text.Compare(a, b) <= 0 && text.Compare(b, c) <= 0 && text.Compare(a, c) > 0 {
			t.Fatalf("%+q ≤ %+q ≤ %+q, but not the ends", a, b, c)
		}
	})
}

func TestCompareFromManyGoroutines(t *testing.T) {
	words := strings.Fields("Ứng Hòa Tây Hồ Phúc Thọ Mỹ Đức Đan Phượng Sóc Sơn Ba Vì Mê Linh")
	want := slices.SortedFunc(slices.Values(words), text.Compare)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := slices.SortedFunc(slices.Values(words), text.Compare); !slices.Equal(got, want) {
					t.Errorf("sorted %q, want %q", got, want)
				}
			}
		})
	}
	wg.Wait()
}
