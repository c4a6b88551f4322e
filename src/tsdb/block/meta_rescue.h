// Makes a damaged meta.json anew from the index and the chunks beside it, which carry checksums of
// their own: a block is not lost for a digit of a text file. Threads: functions without state.
#pragma once

#include <string>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

// False when the file is not there or not damaged (is_block_meta_damaged). True when it was: it is
// now at `keep_at`, and in its place is one that says what the block has. How the block came about
// is not known any more: it counts as one of level 1 beside which the head may have samples of its
// time. Errors are those of the index and of writing; nothing was changed then.
util::Result<bool> rescue_block_meta(util::Env& env, const std::string& directory,
                                     const std::string& keep_at);

}  // namespace narthex::tsdb
