package main

import (
	"encoding/json"
	"math/rand/v2"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type configRow struct {
	input
	Error    bool     `json:"error,omitempty"`
	Platform string   `json:"platform"`
	DiffIDs  []string `json:"diff_ids"`
}

// configs: image configs as encoding/json reads them into the image-spec's own type, which
// containerd, CRI-O and BuildKit use.
func configs(random *rand.Rand, write func(row any)) error {
	for range 1500 {
		text := configText(random)
		if rarely(random, 3) {
			text = spoilt(random, text, noise)
		}
		write(readConfig(text))
	}
	return nil
}

func configText(random *rand.Rand) string {
	platform := platformText(random)
	pairs := []string{
		platform[1 : len(platform)-1],
		pair(random, "rootfs", object(
			pair(random, "type", quoted(one(random, "layers", "layers", "layers", "layers+base", ""))),
			pair(random, "diff_ids", diffIDs(random)))),
		pair(random, "config", `{"Env":["A=b"],"Labels":{"a":"1","A":"2"}}`),
	}
	random.Shuffle(len(pairs), func(a, b int) { pairs[a], pairs[b] = pairs[b], pairs[a] })
	return object(pairs...) + one(random, "", "", "", "\n", "{}")
}

func diffIDs(random *rand.Rand) string {
	text := "["
	for at := range random.IntN(4) {
		if at > 0 {
			text += ","
		}
		text += one(random, digestText(random), digestText(random), digestText(random), digestText(random), "null", "7")
	}
	return text + "]"
}

func readConfig(text string) configRow {
	row := configRow{input: inputOf(text)}
	var image ocispec.Image
	if err := json.Unmarshal([]byte(text), &image); err != nil {
		row.Error = true
		return row
	}
	row.Platform = platformLine(&image.Platform)
	for _, id := range image.RootFS.DiffIDs {
		row.DiffIDs = append(row.DiffIDs, id.String())
	}
	return row
}
