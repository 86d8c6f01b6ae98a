package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/docker/distribution"
	_ "github.com/docker/distribution/manifest/manifestlist"
	_ "github.com/docker/distribution/manifest/ocischema"
	_ "github.com/docker/distribution/manifest/schema2"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type manifestRow struct {
	Type string `json:"type"`
	input
	// What a node would fetch next, each as "<type> <digest> <size> <platform>"; null where
	// the reader refuses.
	Containerd []string `json:"containerd"`
	Docker     []string `json:"docker"`
}

var manifestTypes = []string{
	ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
	images.MediaTypeDockerSchema2Manifest, images.MediaTypeDockerSchema2ManifestList,
}

// manifests: bodies as containerd and Docker read them, each by the type it was sent as.
func manifests(random *rand.Rand, write func(row any)) error {
	for range 4000 {
		kind := one(random, manifestTypes...)
		text := manifestText(random, kind)
		if rarely(random, 3) {
			text = spoilt(random, text, noise)
		}
		write(manifestRow{kind, inputOf(text), byContainerd(kind, text), byDocker(kind, text)})
	}
	return nil
}

func manifestText(random *rand.Rand, kind string) string {
	isIndex := kind == ocispec.MediaTypeImageIndex || kind == images.MediaTypeDockerSchema2ManifestList
	stated := kind
	if rarely(random, 25) {
		stated = one(random, append(manifestTypes, "", "application/json", kind+"; charset=utf-8")...)
	}
	pairs := []string{
		pair(random, "schemaVersion", one(random, "2", "2", "2", "2", "2", "2", "2", "2", "2", "1", "2.0", "2e0", `"2"`)),
		pair(random, "mediaType", quoted(stated)),
	}
	if rarely(random, 8) {
		pairs = append(pairs, pair(random, "annotations", `{"a":"1","A":"2"}`))
	}
	if isIndex != rarely(random, 25) {
		pairs = append(pairs, pair(random, "manifests", list(random, manifestTypes[0], true)))
	}
	if !isIndex != rarely(random, 25) {
		pairs = append(pairs,
			pair(random, "config", descriptor(random, ocispec.MediaTypeImageConfig, false)),
			pair(random, "layers", list(random, ocispec.MediaTypeImageLayerGzip, false)))
	}
	if rarely(random, 12) {
		pairs = append(pairs, one(random,
			pair(random, "subject", descriptor(random, manifestTypes[0], false)),
			pair(random, "artifactType", quoted("application/x")),
			pair(random, "fsLayers", "[]"), pair(random, "history", "[]"), pair(random, "blobs", "[]")))
	}
	random.Shuffle(len(pairs), func(a, b int) { pairs[a], pairs[b] = pairs[b], pairs[a] })
	return one(random, "", "", "", "", " \n", "\xef\xbb\xbf") + object(pairs...) + one(random, "", "", "", "", "\n", "{}", "\x00")
}

func list(random *rand.Rand, kind string, withPlatform bool) string {
	text := "["
	for at := range random.IntN(3) {
		if at > 0 {
			text += ","
		}
		text += descriptor(random, kind, withPlatform)
	}
	return text + "]"
}

func descriptor(random *rand.Rand, kind string, withPlatform bool) string {
	if rarely(random, 40) {
		return one(random, "null", "{}", "[]", `""`)
	}
	pairs := []string{
		pair(random, "mediaType", quoted(one(random, kind, kind, kind, kind, kind, kind, kind, kind, "application/x", "", "no type"))),
		pair(random, "digest", digestText(random)),
		pair(random, "size", one(random, "7", "7", "7", "7", "7", "7", "7", "7", "0", "-1", "7.0", "7e1", "9223372036854775808", `"7"`)),
	}
	if withPlatform && !rarely(random, 4) {
		pairs = append(pairs, pair(random, "platform", platformText(random)))
	}
	if rarely(random, 15) {
		pairs = append(pairs, one(random,
			pair(random, "urls", one(random, "[]", "null", `["https://evil.example/x"]`)),
			pair(random, "data", quoted("e30=")),
			pair(random, "annotations", `{"x":"y"}`),
			pair(random, "artifactType", quoted("application/y"))))
	}
	return object(pairs...)
}

func byContainerd(kind, text string) []string {
	described := ocispec.Descriptor{MediaType: kind, Digest: digest.FromString(text), Size: int64(len(text))}
	children, err := images.Children(context.Background(), blob(text), described)
	if err != nil {
		return nil
	}
	found := []string{}
	for _, child := range children {
		found = append(found, line(child.MediaType, child.Digest, child.Size, child.Platform))
	}
	return found
}

func byDocker(kind, text string) []string {
	manifest, _, err := distribution.UnmarshalManifest(kind, []byte(text))
	if err != nil {
		return nil
	}
	found := []string{}
	for _, child := range manifest.References() {
		found = append(found, line(child.MediaType, child.Digest, child.Size, child.Platform))
	}
	return found
}

func line(kind string, digest digest.Digest, size int64, platform *ocispec.Platform) string {
	return fmt.Sprintf("%s %s %d %s", kind, digest, size, platformLine(platform))
}

// platformLine is a platform as containerd compares it, or nothing.
func platformLine(platform *ocispec.Platform) string {
	if platform == nil || platform.OS == "" && platform.Architecture == "" {
		return ""
	}
	normal := platforms.Normalize(*platform)
	if normal.Variant == "" {
		return normal.OS + "/" + normal.Architecture
	}
	return normal.OS + "/" + normal.Architecture + "/" + normal.Variant
}

// blob is a content store that holds one blob.
type blob string

type blobReader struct{ *bytes.Reader }

func (b blob) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return blobReader{bytes.NewReader([]byte(b))}, nil
}

func (blobReader) Close() error { return nil }

var _ io.Closer = blobReader{}
