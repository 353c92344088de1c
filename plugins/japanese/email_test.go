package japanese

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNormalizeEmail(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "yamada@example.co.jp", "yamada@example.co.jp"},
		{"empty", "", ""},
		{"upper case", "Yamada.Taro@Example.CO.JP", "yamada.taro@example.co.jp"},
		{"full width", "ｙａｍａｄａ＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ", "yamada@example.co.jp"},
		{"full-width at only", "yamada＠example.jp", "yamada@example.jp"},
		{"small at", "yamada﹫example.jp", "yamada@example.jp"},
		{"ideographic full stop", "yamada@example。co｡jp", "yamada@example.co.jp"},
		{"ideographic space", "　yamada@example.jp　", "yamada@example.jp"},
		{"no-break space, line break", "\u00a0yamada@example.jp\r\n", "yamada@example.jp"},
		{"zero width", "\ufeffyama\u200bda\u200d@exam\u2060ple.jp\u200e", "yamada@example.jp"},
		{"soft hyphen", "yama\u00adda@example.jp", "yamada@example.jp"},
		{"hyphen look-alikes", "a‐b－c−d@x‑y.jp", "a-b-c-d@x-y.jp"},
		{"inner space stays", "yama da@example.jp", "yama da@example.jp"},
		{"no address stays", "なし", "なし"},
		{"unreadable stays", "yam●da@example.jp", "yam●da@example.jp"},
		{"dotted capital I", "İ@example.jp", "İ@example.jp"},
		{"only space", " \t　", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, NormalizeEmail(test.in))
		})
	}
}

func TestValidEmail(t *testing.T) {
	label := strings.Repeat("a", 60)
	long := "a@" + strings.Repeat(label+".", 4) + "aaaaaa.jp" // 255 characters
	valid := []string{
		"yamada@example.co.jp", "a@b.jp", "a.b-c_d+e@x-y.example.com", "o'neil@example.com",
		"!#$%&*/=?^`{|}~@example.com", "a@xn--eckwd4c7c.xn--zckzah", "a@1.example.jp", long,
		strings.Repeat("a", 64) + "@example.jp",
	}
	for _, s := range valid {
		require.True(t, ValidEmail(s), s)
	}
	require.Len(t, long, 255)
	invalid := []string{
		"", "@", "a", "a@", "@example.jp", "a@b", "a@@example.jp", "a@b@example.jp", "a b@example.jp",
		"a@exam ple.jp", ".a@example.jp", "a.@example.jp", "a..b@example.jp", "a@.example.jp", "a@example..jp",
		"a@example.jp.", "a@-example.jp", "a@example-.jp", "a@exa_mple.jp", "a@192.168.0.1", "a@[192.168.0.1]",
		"a@example.j", `"a b"@example.jp`, "a(x)@example.jp", "<a@example.jp>", "山田 <a@example.jp>", "a@example.jp,b@example.jp",
		"a@example.jp;b@example.jp", "mailto:a@example.jp", "yam●da@example.jp", "a@日本.jp", "ａ@example.jp", "a@example.jp\n", "a\x00@example.jp",
		"a" + long, strings.Repeat("a", 65) + "@example.jp", "a@" + strings.Repeat("a", 64) + ".jp",
	}
	for _, s := range invalid {
		require.False(t, ValidEmail(s), s)
	}
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"", "Yamada＠example。jp", "　a@b.jp\u200b", "İ@x.jp", "\xff@x.jp", "¨@x.jp", "ﾞ@x.jp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := NormalizeEmail(s)
		require.Equal(t, once, NormalizeEmail(once), "normalising twice changes nothing")
		require.Equal(t, once, strings.TrimSpace(once))
		if ValidEmail(once) {
			require.LessOrEqual(t, len(once), MaxEmail)
			require.Equal(t, 1, strings.Count(once, "@"))
			require.True(t, isPlainASCII(once))
		}
		if ValidEmail(s) {
			require.Equal(t, strings.ToLower(s), once, "a valid address changes in case only")
		}
	})
}
