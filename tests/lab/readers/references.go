package main

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/distribution/reference"
)

type referenceRow struct {
	In     string `json:"in"`
	Error  bool   `json:"error,omitempty"`
	Host   string `json:"host,omitempty"`
	Path   string `json:"path,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// references: image names as the kubelet, containerd's CRI and Docker read them.
func references(random *rand.Rand, write func(row any)) error {
	for range 5000 {
		text := written(random)
		if rarely(random, 3) {
			text = spoilt(random, text, "aZ09.:/@_-%[] \\\t\x00é")
		}
		if utf8.ValidString(text) {
			write(readReference(text))
		}
	}
	return nil
}

func written(random *rand.Rand) string {
	hex := strings.Repeat(one(random, "0", "a", "9f", "0", "a", "9f", "AB"), 64)
	host := one(random, "", "", "docker.io/", "index.docker.io/", "registry-1.docker.io/", "localhost/", "localhost:5000/", "quay.io/",
		"registry.corp:5000/", "127.0.0.1/", "[::1]:5000/", "docker.io:443/", "docker.io/library/", "library/", "xn--e1afmkfd.io/")
	if rarely(random, 8) {
		host = one(random, "[fe80::1%25eth0]/", "[::1/", "[::]/", "[::ffff:1.2.3.4]/", "Quay.io/", "quay.io./", "quay..io/", "-quay.io/", "a_b.io/", "quay.io:/", "quay.io:0/",
			"quay.io:99999/", "quay.io:080/", "UPPER/", "uPPer/", "https://quay.io/", "user@quay.io/", "a-.io/", "é.io/", "docker.io//", "localhost./", "LOCALHOST/")
	}
	path := one(random, "nginx", "nginx", "team/app", "a/b/c/d", "a__b", "a-b", "a--b", strings.Repeat("a", 120)+"/"+strings.Repeat("b", 120))
	if rarely(random, 5) {
		path = one(random, "a..b", "a___b", "a._b", "a/", "/a", "a//b", "", "Nginx", "a%2fb", "..", ".", "a/../b", hex[:64], hex[:64], hex[:63],
			strings.Repeat("n", one(random, 246, 247, 248, 255, 256)), strings.Repeat("l/", one(random, 123, 124, 127))+"n")
	}
	tag := one(random, "", "", ":1.27", ":latest", ":_a", ":A", ":a--b..c")
	if rarely(random, 8) {
		tag = one(random, ":", ":-a", ":.a", ":"+strings.Repeat("t", one(random, 127, 128, 129)), ":a:b", ":a/b", ":5000/x", ":é")
	}
	digest := one(random, "", "", "", "@sha256:"+hex[:64], "@sha512:"+strings.Repeat(hex[:64], 2))
	if rarely(random, 8) {
		digest = one(random, "@sha256:"+hex[:63], "@sha384:"+strings.Repeat(hex[:48], 2), "@md5:"+hex[:32], "@sha256+b64u:"+hex[:64], "@sha256:", "@",
			"@sha256:"+hex[:64]+"@sha256:"+hex[:64], "@sha512:"+hex[:64], "@SHA256:"+hex[:64])
	}
	return host + path + tag + digest
}

func readReference(text string) referenceRow {
	row := referenceRow{In: text}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		row.Error = true
		return row
	}
	row.Host, row.Path = reference.Domain(named), reference.Path(named)
	if tagged, is := named.(reference.Tagged); is {
		row.Tag = tagged.Tag()
	}
	if digested, is := named.(reference.Digested); is {
		row.Digest = digested.Digest().String()
	}
	return row
}
