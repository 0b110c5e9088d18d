# Each sum and product must be rounded by itself, or the results have other bits than those of spikelet.
target_compile_options(${name} PRIVATE $$<IF:$$<C_COMPILER_ID:MSVC>,/fp:precise,-ffp-contract=off>)
