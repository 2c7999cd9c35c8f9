package oci

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// nested pushes n indexes in each other around one image; the outermost has a tag.
func nested(t *testing.T, c *Client, h *host, n int) {
	t.Helper()
	d := pushImage(t, c, h, "app", "", "x").descriptor()
	for i := range n {
		doc := must(writeDocument(content{Manifests: &descriptors{d}, Annotations: map[string]string{"level": fmt.Sprint(i)}}, typeIndex))(t)
		tag := ""
		if i == n-1 {
			tag = "1"
		}
		push1(t, c.repository(h.name, "app"), tag, doc)
		d = doc.descriptor()
	}
}

// OC-8: everything behind an index is found, once, with the indexes that lead to
// it; one that is nested too deep is no silence.
func TestOC8_Family(t *testing.T) {
	c, h := newClient(t), newHost(t)
	nested(t, c, h, MaxDepth)
	all := must(c.Family(t.Context(), resolved(t, c, h.name+"/app:1")))(t)
	if len(all) != MaxDepth+1 {
		t.Fatalf("got %d members, want %d", len(all), MaxDepth+1)
	}
	for i, m := range all {
		if len(m.Parents) != i || i > 0 && m.Parents[0].Digest != all[i-1].Digest || m.IsIndex() != (i < MaxDepth) {
			t.Errorf("member %d is %s with %d parents", i, m.Digest, len(m.Parents))
		}
	}
	nested(t, c, h, MaxDepth+1)
	_, err := c.Family(t.Context(), resolved(t, c, h.name+"/app:1"))
	if refused(t, err, check.Limit); !strings.Contains(err.Error(), "nested more than 8 deep") {
		t.Error(err)
	}
}
