# The daily front door. CMake does the building (CMakePresets.json); each script in tools/ also runs alone.
.PHONY: all demo test bench interop soak check clean
all:
	@tools/build
demo test bench interop soak check:
	@tools/$@
clean:
	rm -rf build build-*
