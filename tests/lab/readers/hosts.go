package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	older "github.com/containerd/containerd/remotes/docker/config"
	newer "github.com/containerd/containerd/v2/core/remotes/docker/config"
)

type hostsRow struct {
	In string `json:"in"`
	// All places asked for an image of quay.io, as "scheme://host", by containerd 2 and 1.7;
	// null where it pulls nothing at all.
	Newer []string `json:"newer"`
	Older []string `json:"older"`
}

// hosts: files hosts.toml of quay.io, as containerd 2 and 1.7 read them.
func hosts(random *rand.Rand, write func(row any)) error {
	root, err := os.MkdirTemp("", "readers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	folder := filepath.Join(root, "quay.io")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for range 3000 {
		text := hostsText(random)
		if rarely(random, 3) {
			text = spoilt(random, text, tomlNoise)
		}
		if !utf8.ValidString(text) {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(text), 0o644); err != nil {
			return err
		}
		newer := everAsked(func() []string { return byNewer(root) })
		write(hostsRow{text, newer, everAsked(func() []string { return byOlder(root) })})
	}
	return nil
}

const tomlNoise = "[]\"'=.,#{}\\ \n\t0aA_-:/\r"

func gatewayURL(random *rand.Rand) string {
	if !rarely(random, 12) {
		return "https://gate.corp:5080"
	}
	return one(random, "https://Gate.corp:5080", "https://gate.corp:5080/", "https://gate.corp:5080/v2", "http://gate.corp:5080",
		"gate.corp:5080", "https://gate.corp", "https://quay.io", "quay.io", "HTTPS://gate.corp:5080", "https://gate.corp:5080 ",
		" https://gate.corp:5080", "https:/gate.corp:5080", "httpgate.corp:5080", "https://u@gate.corp:5080", "https://gate.corp:5080?x",
		"https://gate.corp:05080", "https://gate.corp:5080/%2e", "", "//gate.corp:5080", "https://[::1]:5080", "https://gate.corp.:5080",
		"https://gate.corp:5080#quay.io", "https://quay.io/gate.corp:5080", "https:gate.corp:5080", "https://gate.corp:5080\\\\@quay.io")
}

func tomlText(random *rand.Rand, text string) string {
	return one(random, `"`+text+`"`, `"`+text+`"`, `"`+text+`"`, `'`+text+`'`, `"""`+text+`"""`)
}

func hostsLine(random *rand.Rand) string {
	return one(random,
		"capabilities = [\"pull\", \"resolve\"]", "capabilities = [\"PULL\"]", "capabilities = [\"referrers\"]", "capabilities = []",
		"capabilities = \"pull\"", "ca = \"/ca.crt\"", "ca = [\"/ca.crt\"]", "ca = 7", "ca = [7]", "skip_verify = true", "skip_verify = \"true\"",
		"client = [[\"a\", \"b\"]]", "client = \"a\"", "client = [[\"a\"]]", "client = [\"a\", [\"b\", \"c\"]]", "override_path = true",
		"override_path = \"x\"", "dial_timeout = \"1m30s\"", "dial_timeout = \"5\"", "dial_timeout = 5", "dial_timeout = \"-1s\"",
		"header = { x = \"a\" }", "header = { x = 7 }", "header = { x = [\"a\", \"b\"] }", "unknown = 7", "Server = \"https://quay.io\"",
		"Ca = 7", "unknown = 2026-01-01", "unknown = 1e5", "unknown = 0x1F", "unknown = inf", "unknown = [1, \"a\"]", "unknown = { a = 1, }",
		"# remark", "\"server\" = \"https://quay.io\"", "unknown.more = 1", "host = {}", "unknown = \"\\e\"", "unknown = \"\\u0000\"",
		"unknown = '''\na'''", "unknown = 1_000", "unknown = -0", "unknown = 99999999999999999999", "\"\" = 1", "unknown = \"\\U0010FFFF\"")
}

func hostsText(random *rand.Rand) string {
	var lines []string
	if !rarely(random, 12) {
		lines = append(lines, "server = "+tomlText(random, gatewayURL(random)))
	}
	for range one(random, 0, 0, 0, 1, 2) {
		lines = append(lines, hostsLine(random))
	}
	for range one(random, 0, 1, 1, 1, 1, 1, 1, 2) {
		url := gatewayURL(random)
		lines = append(lines, one(random, "[host.\""+url+"\"]", "[host.\""+url+"\"]", "[host.\""+url+"\"]", "[ host . '"+url+"' ]",
			"[\"host\".\""+url+"\"]", "[Host.\""+url+"\"]", "[[host.\""+url+"\"]]", "host.\""+url+"\".ca = \"/x\"",
			"[host]\n\""+url+"\" = {}", "[host]\n["+"host.\""+url+"\"]", "[host.\""+url+"\".header]", "host = 7", "[host.\""+url+"\".more]"))
		for range one(random, 0, 0, 1, 2) {
			lines = append(lines, one(random, "  ", "")+hostsLine(random))
		}
	}
	return one(random, "", "", "", "", "", "\ufeff") + strings.Join(lines, one(random, "\n", "\n", "\n", "\n", "\r\n", "\r")) + one(random, "\n", "\n", "")
}

func byNewer(root string) []string {
	configure := newer.ConfigureHosts(context.Background(), newer.HostOptions{HostDir: newer.HostDirFromRoot(root)})
	hosts, err := configure("quay.io")
	if err != nil {
		return nil
	}
	asked := []string{}
	for _, host := range hosts {
		asked = append(asked, host.Scheme+"://"+host.Host)
	}
	return asked
}

// byOlder is null too where containerd 1.7 panics, which it does where [host] holds a text.
func byOlder(root string) (asked []string) {
	defer func() {
		if recover() != nil {
			asked = nil
		}
	}()
	configure := older.ConfigureHosts(context.Background(), older.HostOptions{HostDir: older.HostDirFromRoot(root)})
	hosts, err := configure("quay.io")
	if err != nil {
		return nil
	}
	asked = []string{}
	for _, host := range hosts {
		asked = append(asked, host.Scheme+"://"+host.Host)
	}
	return asked
}
