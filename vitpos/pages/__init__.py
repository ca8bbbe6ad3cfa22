"""What runs have to show, as pages: files that need no server, no network and no program of ours.

`gathering` says which runs, `opened` opens one, `sharing` which of them look at the same images,
`cards` what is known of each, in `coded` numbers; `ladder` how much of it fits, `payload` packs it,
`explorer` writes the page, `writing` does all of that. `live` puts a trained network itself into
it. `format.md` is the format in words.
"""
