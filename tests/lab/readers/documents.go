package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// input is a text, or base64 where it is not UTF-8.
type input struct {
	In     string `json:"in,omitempty"`
	Base64 string `json:"base64,omitempty"`
}

func inputOf(text string) input {
	if utf8.ValidString(text) {
		return input{In: text}
	}
	return input{Base64: base64.StdEncoding.EncodeToString([]byte(text))}
}

const noise = "{}[]\",:\\ 0129eE.-+aAsſKn\t\n\x00\xff\xef\xbb\xbf"

// key writes a JSON key, now and then as another one that Go takes for the same.
func key(random *rand.Rand, name string) string {
	switch random.IntN(60) {
	case 0:
		return quoted(strings.ToUpper(name))
	case 1:
		return quoted(strings.Title(name)) //nolint:staticcheck // ASCII only
	case 2:
		return quoted(strings.Replace(name, "s", "ſ", 1))
	case 3:
		return quoted(strings.Replace(name, "k", "\u212a", 1))
	case 4:
		return fmt.Sprintf(`"\u%04x%s"`, name[0], name[1:])
	case 5:
		return quoted(name + one(random, " ", "\x00", "s", "\xff"))
	default:
		return quoted(name)
	}
}

func quoted(text string) string {
	written, _ := json.Marshal(text)
	return string(written)
}

// pair is a key and a value; a now and then repeated one, a null or one of another type.
func pair(random *rand.Rand, name, value string) string {
	text := key(random, name) + ":" + value
	switch random.IntN(70) {
	case 0:
		return text + "," + key(random, name) + ":" + one(random, "null", `""`, "0", "[]", "{}", value)
	case 1:
		return key(random, name) + ":" + one(random, "null", `""`, "0", "1.0", "[]", "{}", "true", "-1", "1e2", "99999999999999999999")
	case 2:
		return ""
	default:
		return text
	}
}

func object(pairs ...string) string {
	kept := pairs[:0]
	for _, pair := range pairs {
		if pair != "" {
			kept = append(kept, pair)
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func digestText(random *rand.Rand) string {
	hex := fmt.Sprintf("%064x", random.IntN(9))
	return quoted(one(random, "sha256:"+hex, "sha256:"+hex, "sha256:"+hex, "sha256:"+hex, "sha256:"+hex, "sha256:"+hex, "sha256:"+hex,
		"sha512:"+hex+hex, "SHA256:"+hex, "sha256:"+strings.Repeat("A", 64), "sha256:"+hex[1:], "md5:"+hex[:32], ""))
}

func platformText(random *rand.Rand) string {
	return object(
		pair(random, "architecture", quoted(one(random, "amd64", "arm64", "arm", "x86_64", "aarch64", "AMD64", "armhf", "armel", "i386", "unknown", ""))),
		pair(random, "os", quoted(one(random, "linux", "linux", "linux", "Linux", "windows", "macos", "darwin", "unknown", "", "lin ux"))),
		one(random, "", pair(random, "variant", quoted(one(random, "v7", "v8", "7", "8", "v1", "v2", "V3", "v6", "6", "5", "v8.0", "v9", "")))),
		one(random, "", "", pair(random, "os.version", quoted("10.0"))),
		one(random, "", "", pair(random, "os.features", `["win32k"]`)),
	)
}
