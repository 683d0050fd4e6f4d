package faults

// powercut follows a trace and knows what is durable: of a file what was there
// when it was last synced, of a directory its entries then. That a file system
// keeps more is luck.
type powercut struct {
	trace   []op
	done    int // ops of the trace that have been followed
	durable tree
	pending map[int][]int // by inode: ops that no sync has made durable, by index
}

func newPowercut(trace []op) *powercut {
	return &powercut{trace: trace, durable: newTree(), pending: map[int][]int{}}
}

// follow goes on to the first n ops.
func (p *powercut) follow(n int) {
	for ; p.done < n; p.done++ {
		o := p.trace[p.done]
		switch o.kind {
		case opWrite, opTruncate:
			p.pending[o.ino] = append(p.pending[o.ino], p.done)
		case opMake, opRemove:
			p.pending[o.dir] = append(p.pending[o.dir], p.done)
		case opRename:
			p.pending[o.dir] = append(p.pending[o.dir], p.done)
			if o.newDir != o.dir {
				p.pending[o.newDir] = append(p.pending[o.newDir], p.done)
			}
		case opSync:
			p.sync(o.ino)
		}
	}
}

// sync makes durable what is pending of a file or directory. A rename is durable
// at once for both its directories.
func (p *powercut) sync(ino int) {
	for _, i := range p.pending[ino] {
		if o := &p.trace[i]; !o.durable {
			o.durable = true
			p.durable.apply(*o)
		}
	}
	delete(p.pending, ino)
}

// cut is what is on the disk when the power fails now.
func (p *powercut) cut(l loss) tree {
	left := tree{}
	for ino, n := range p.durable {
		left[ino] = n.clone()
	}
	if l.rand != nil {
		for i := range p.done {
			o := p.trace[i]
			if o.durable || o.kind == opSync || o.kind == opMark {
				continue
			}
			for _, part := range l.survives(o) {
				left.apply(part)
			}
		}
	}
	left.fill()
	return left
}

func (n *inode) clone() *inode {
	c := newInode(n.entries != nil)
	c.size = n.size
	for k, page := range n.pages {
		c.pages[k] = append([]byte(nil), page...)
	}
	for k, ino := range n.entries {
		c.entries[k] = ino
	}
	return c
}

// fill gives an inode to every entry that has none: a file that was made and of
// which nothing else is durable is empty.
func (t tree) fill() {
	for _, n := range t {
		for _, child := range n.entries {
			if t[child] == nil {
				t[child] = newInode(false)
			}
		}
	}
}
