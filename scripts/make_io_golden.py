#!/usr/bin/env python3
"""Writes small medical files and records what reference libraries read.

  python scripts/make_io_golden.py     # writes tests/golden/io/

Synthetic volumes and images go out through nibabel, SimpleITK, pydicom and
Pillow; expected.safetensors holds what these libraries read back, under the
path of each file or series folder:

  volumes  float32 [D,H,W]; D inferior to superior, H anterior to posterior,
           W patient right to left; axes are only permuted and flipped, never
           resampled; "PATH.spacing" is float64 [3], mm along (D,H,W)
  images   float32 [C,H,W], the stored integers; alpha is dropped
  X-rays   float32 [1,H,W] in 0..1 after modality and VOI transform, 1 bright;
           without a window, from minimum to maximum of the image

The orientation of every volume is computed by nibabel and by ITK, each window
by the standard's formula and by pydicom; a disagreement is an error. Recorded
on Python 3.11 with

  pip install nibabel==5.4.2 numpy==2.4.6 pillow==13.0.0 pydicom==3.0.2 \\
    safetensors==0.8.0 simpleitk==2.5.7
"""

import pathlib
import zlib

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from PIL import Image
from pydicom import uid
from pydicom.pixels import apply_modality_lut, apply_windowing
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/io"
EXTENTS = (7, 6, 5)  # voxels along the axes of a file, fastest first
WIDTH, HEIGHT = 24, 20  # pixels of an image
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

expected = {}


def noise(name, shape, low, high):
    """Integers in [low, high]; random, so that every flip and swap shows."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return random.integers(low, high, shape, endpoint=True)


def picture(name, channels, high):
    """[H,W,channels] in [0, high]: ramps, which JPEG keeps well, and noise."""
    y, x = np.indices((HEIGHT, WIDTH))
    ramp = (2 * x / WIDTH + y / HEIGHT) / 3
    ramps = np.stack([ramp, 1 - ramp, ramp**2, ramp**0.5], 2)[..., :channels]
    ramps = np.rint(0.75 * high * ramps).astype(int)
    return ramps + noise(name, ramps.shape, 0, high // 4)


# --- Volumes -----------------------------------------------------------------


def record_volume(key, data, affine, second):
    """Records data[x,y,z] of a voxel-to-RAS affine, also read as `second`."""
    image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    # RAS+ axes grow to the right, to anterior and to superior.
    volume = image.get_fdata()[::-1, ::-1].transpose(2, 1, 0)
    spacing = nib.affines.voxel_sizes(image.affine)[::-1]
    # ITK names an orientation by where its axes grow to.
    second = sitk.DICOMOrient(second, "LPS")
    voxels = sitk.GetArrayFromImage(second)
    np.testing.assert_allclose(volume, voxels, rtol=1e-6, err_msg=key)
    np.testing.assert_allclose(spacing, second.GetSpacing()[::-1], rtol=1e-6)
    expected[key] = volume.astype(np.float32)
    expected[key + ".spacing"] = spacing.astype(np.float64)


def axes(codes):
    """RAS directions, one a column, of axes that grow to e.g. "LPS"."""
    columns = np.zeros((3, 3))
    for axis, (row, sign) in enumerate(nib.orientations.axcodes2ornt(codes)):
        columns[int(row), axis] = sign
    return columns


def tilted(directions):
    """Turned by 25 degrees about z after 7 degrees about x."""
    c, s = np.cos(np.radians([25, 7])), np.sin(np.radians([25, 7]))
    about_z = np.array([[c[0], -s[0], 0], [s[0], c[0], 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, c[1], -s[1]], [0, s[1], c[1]]])
    return about_z @ about_x @ directions


def write_nifti(name, data, directions, spacing, scale=None, qform=False):
    affine = nib.affines.from_matvec(directions * spacing, [-31, 17.5, 204])
    order = ">" if data.dtype.str[0] == ">" else "<"
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(data.dtype)
    header.set_xyzt_units("mm")
    image = nib.Nifti1Image(data, affine, header)
    if qform:  # instead of nibabel's default, the sform
        image.set_qform(affine, 1)
        image.set_sform(None, 0)
    if scale:
        image.header.set_slope_inter(*scale)
    path = OUT / name
    nib.save(image, path)

    image = nib.load(path)
    data = image.get_fdata()
    data = data.reshape(data.shape[:3])
    record_volume(name, data, image.affine, sitk.ReadImage(path))


def write_niftis():
    def ints(name, low, high, dtype, extra=()):
        return noise(name, EXTENTS + extra, low, high).astype(dtype)

    name = "ras_int16.nii.gz"
    data = ints(name, -1024, 3071, "<i2")
    write_nifti(name, data, axes("RAS"), [0.7, 0.8, 2.5])
    name = "lps_uint8.nii"
    data = ints(name, 0, 255, "u1")
    write_nifti(name, data, axes("LPS"), [1.1, 0.9, 3])
    name = "sra_float32.nii.gz"
    data = ints(name, -5000, 5000, "<f4") / np.float32(7)
    write_nifti(name, data, axes("SRA"), [2, 0.6, 0.75])
    name = "pil_float32.nii.gz"  # left-handed: its qfac is -1
    data = ints(name, -5000, 5000, "<f4") / np.float32(7)
    write_nifti(name, data, axes("PIL"), [0.65, 1.5, 0.85], qform=True)
    name = "oblique_int16.nii.gz"
    data = ints(name, -1000, 1000, "<i2")
    directions = tilted(axes("LAS"))
    write_nifti(name, data, directions, [0.9, 1.2, 2], scale=(0.37, -21.5))
    name = "big_endian_int16.nii.gz"
    data = ints(name, -1024, 3071, ">i2")
    write_nifti(name, data, axes("LAS"), [0.8, 0.7, 1.25])
    name = "float64.nii.gz"
    data = ints(name, -(10**9), 10**9, "<f8") / 7e5
    write_nifti(name, data, axes("RPI"), [1.3, 0.95, 1.75])
    name = "uint16.nii.gz"
    data = ints(name, 0, 65535, "<u2")
    write_nifti(name, data, axes("ASR"), [0.5, 1.6, 0.55])
    name = "trailing_axis.nii.gz"
    data = ints(name, -1024, 3071, "<i2", extra=(1,))
    write_nifti(name, data, axes("LPI"), [0.9, 1.4, 2.2])


def write_itk(name, dtype, directions, spacing, compress=False):
    data = noise(name, EXTENTS[::-1], -1024, 3071).astype(dtype)
    if dtype == np.float32:
        data /= 7
    image = sitk.GetImageFromArray(data)
    image.SetSpacing(spacing)
    image.SetOrigin([12.5, -80, 33])
    image.SetDirection((RAS_FROM_LPS[:3, :3] @ directions).ravel())
    path = OUT / name
    sitk.WriteImage(image, path, useCompression=compress)
    if name == "detached.nhdr":  # as its voxels are named like those of .mhd
        path.with_suffix(".raw").rename(OUT / "detached_nhdr.raw")
        text = path.read_bytes().replace(b"detached.raw", b"detached_nhdr.raw")
        path.write_bytes(text)

    image = sitk.ReadImage(path)
    directions = np.reshape(image.GetDirection(), (3, 3))
    affine = RAS_FROM_LPS @ nib.affines.from_matvec(
        directions * image.GetSpacing(), image.GetOrigin()
    )
    data = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    record_volume(name, data.astype(np.float64), affine, image)


def write_itks():
    i2, f4 = np.int16, np.float32
    write_itk("plain.mha", i2, axes("LPS"), [0.7, 0.8, 2.5])
    write_itk("compressed.mha", f4, axes("SRA"), [2.5, 0.6, 0.75], True)
    write_itk("detached.nhdr", i2, tilted(axes("ASL")), [0.9, 2.1, 0.8])
    write_itk("detached.mhd", i2, axes("RAI"), [1.1, 0.9, 3])
    write_itk("detached_z.mhd", f4, tilted(axes("LPS")), [0.9, 1.2, 2], True)
    write_itk("plain.nrrd", i2, axes("PIL"), [0.65, 1.5, 0.85])
    write_itk("gzip.nrrd", f4, axes("RSP"), [0.8, 2.25, 0.7], True)


# --- DICOM -------------------------------------------------------------------


def dicom(name, series, modality, number):
    """The modules that every image has; `name` determines its UID."""

    def fixed(*words):
        return uid.generate_uid(entropy_srcs=["unimiss", *words])

    ds = pydicom.Dataset()
    ds.SOPClassUID = {
        "CT": uid.CTImageStorage,
        "CR": uid.ComputedRadiographyImageStorage,
        "DX": uid.DigitalXRayImageStorageForPresentation,
    }[modality]
    ds.SOPInstanceUID = fixed("instance", name)
    ds.StudyInstanceUID = fixed("study", series)
    ds.SeriesInstanceUID = fixed("series", series)
    ds.FrameOfReferenceUID = fixed("frame", series)
    ds.PositionReferenceIndicator = ""
    ds.Modality = modality
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PatientName = "Synthetic^Phantom"
    ds.PatientID = series
    ds.StudyDate, ds.StudyTime = "20200101", "120000"
    ds.PatientBirthDate = ds.PatientSex = ds.ReferringPhysicianName = ""
    ds.StudyID = ds.AccessionNumber = ds.Manufacturer = ""
    ds.SeriesNumber, ds.InstanceNumber = 1, number
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    return ds


def write_series(key, row, column, rescale, low, high, bits, rle=False):
    """Six slices of 10 rows and 12 columns, 2.5 mm apart and 3 mm thick.

    `row` is the direction of a growing column index, `column` that of a
    growing row index, both LPS.
    """
    normal = np.cross(row, column)
    kind = np.int16 if low < 0 else np.uint16
    data = noise(key, (6, 10, 12), low, high).astype(kind)
    (OUT / key).mkdir()
    for k, name in enumerate([3, 0, 5, 1, 4, 2]):
        ds = dicom(f"{key}/{k}", key, "CT", number=6 - k)
        ds.ImageType += ["AXIAL"]
        ds.KVP, ds.AcquisitionNumber, ds.PatientPosition = 120, 1, "HFS"
        position = np.array([-60.5, -48, 101]) + 2.5 * k * normal
        ds.ImagePositionPatient = list(np.round(position, 8))
        ds.ImageOrientationPatient = list(np.round([*row, *column], 8))
        ds.PixelSpacing = [0.9, 0.7]  # of rows, of columns
        ds.SliceThickness = 3
        ds.RescaleSlope, ds.RescaleIntercept = rescale
        ds.RescaleType = "HU"
        # A negative value fills the unused high bits with its sign.
        ds.set_pixel_data(
            data[k], "MONOCHROME2", bits, generate_instance_uid=False
        )
        if rle:
            ds.compress(uid.RLELossless, generate_instance_uid=False)
        path = OUT / key / f"image_{name}.dcm"
        ds.save_as(path, enforce_file_format=True)

    def along_normal(ds):
        return np.dot(ds.ImagePositionPatient, normal)

    slices = map(pydicom.dcmread, (OUT / key).iterdir())
    slices = sorted(slices, key=along_normal)
    data = [apply_modality_lut(ds.pixel_array, ds) for ds in slices]
    first, last = (np.array(ds.ImagePositionPatient) for ds in slices[::5])
    cosines = np.reshape(slices[0].ImageOrientationPatient, (2, 3))
    down, across = slices[0].PixelSpacing
    steps = [cosines[0] * across, cosines[1] * down, (last - first) / 5]
    affine = nib.affines.from_matvec(np.transpose(steps).astype(float), first)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(OUT / key))
    data = np.transpose(data, (2, 1, 0))
    record_volume(key, data, RAS_FROM_LPS @ affine, sitk.ReadImage(names))


def write_ct():
    x, y, z = np.eye(3)
    write_series("series_axial", x, y, (1, -1024), -100, 4095, 16)
    write_series("series_sagittal", y, -z, (1, -1024), 0, 4095, 12)
    row, column = tilted(np.eye(3)).T[:2]
    write_series("series_rle", row, column, (2, -1000), -2048, 2047, 12, True)


def voi(x, center, width, function):
    """DICOM PS3.3 C.11.2.1.2.1 and C.11.2.1.3.1, to 0..1."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (x - center) / width))
    # LINEAR, clipped where the standard says so.
    return np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def write_xray(name, modality, photometric, syntax, **attributes):
    path = OUT / name
    ds = dicom(name, name, modality, number=1)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.BodyPartExamined, ds.ViewPosition = "CHEST", "PA"
    bright = photometric == "MONOCHROME2"
    if modality == "DX":
        ds.PresentationIntentType = "FOR PRESENTATION"
        ds.PixelIntensityRelationship = "LOG"
        ds.PixelIntensityRelationshipSign = -1 if bright else 1
        ds.PresentationLUTShape = "IDENTITY" if bright else "INVERSE"
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, 0, "US"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    pixels = 60 + picture(name, 1, 4000)[..., 0]
    ds.set_pixel_data(
        pixels.astype(np.uint16), photometric, 12, generate_instance_uid=False
    )
    ds.save_as(path, enforce_file_format=True)

    ds = pydicom.dcmread(path)
    x = apply_modality_lut(ds.pixel_array, ds).astype(float)
    if "WindowCenter" in ds:
        center = float(np.ravel(ds.WindowCenter)[0])
        width = float(np.ravel(ds.WindowWidth)[0])
        y = voi(x, center, width, ds.get("VOILUTFunction", "LINEAR"))
        # pydicom maps to the range of the stored bits, rescaled.
        slope = float(ds.get("RescaleSlope", 1))
        lowest = float(ds.get("RescaleIntercept", 0))
        scaled = (apply_windowing(x, ds) - lowest) / (4095 * slope)
        np.testing.assert_allclose(y, scaled, 0, 1e-12, err_msg=name)
    else:
        y = (x - x.min()) / (x.max() - x.min())
    if ds.PhotometricInterpretation == "MONOCHROME1":
        y = 1 - y
    expected[name] = y[None].astype(np.float32)


def write_xrays():
    mono1, mono2 = "MONOCHROME1", "MONOCHROME2"
    explicit, implicit = uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian

    def window(center, width, **more):
        return {"WindowCenter": center, "WindowWidth": width, **more}

    write_xray(
        "xray_mono2_window.dcm", "DX", mono2, explicit, **window(1800, 2000)
    )
    write_xray(
        "xray_mono1_window.dcm", "CR", mono1, explicit, **window(2100, 1500)
    )
    # Of several windows the first counts.
    write_xray(
        "xray_rescale_window.dcm",
        "CR",
        mono2,
        explicit,
        RescaleSlope=0.5,
        RescaleIntercept=10,
        RescaleType="US",
        **window([950, 400], [900.5, 300]),
    )
    write_xray(
        "xray_sigmoid.dcm",
        "DX",
        mono2,
        explicit,
        **window(1900, 1200, VOILUTFunction="SIGMOID"),
    )
    write_xray("xray_mono2_plain.dcm", "DX", mono2, explicit)
    write_xray("xray_mono1_plain.dcm", "CR", mono1, implicit)


# --- PNG and JPEG ------------------------------------------------------------


def write_picture(name, image, read_as=None, channels=None, **options):
    path = OUT / name
    image.save(path, **options)
    with Image.open(path) as file:
        assert read_as or file.mode == image.mode, (name, file.mode)
        pixels = np.array(file.convert(read_as) if read_as else file)
    pixels = pixels.reshape(HEIGHT, WIDTH, -1)[..., :channels]
    expected[name] = pixels.transpose(2, 0, 1).astype(np.float32)


def write_pictures():
    def image(name, channels, dtype=np.uint8):
        pixels = picture(name, channels, np.iinfo(dtype).max).astype(dtype)
        return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)

    write_picture("grey8.png", image("grey8.png", 1))
    write_picture("grey16.png", image("grey16.png", 1, np.uint16))
    write_picture("grey_alpha.png", image("grey_alpha.png", 2), channels=1)
    write_picture("rgb8.png", image("rgb8.png", 3))
    write_picture("rgba8.png", image("rgba8.png", 4), channels=3)
    indices = noise("palette.png", (HEIGHT, WIDTH), 0, 99).astype(np.uint8)
    palette = Image.fromarray(indices)
    palette.putpalette(noise("colours", 300, 0, 255).tolist())  # mode P now
    write_picture("palette.png", palette, read_as="RGB")
    bits = Image.fromarray(noise("bilevel.png", (HEIGHT, WIDTH), 0, 1) > 0)
    write_picture("bilevel.png", bits, read_as="L")
    jpeg = {"quality": 95, "subsampling": 0}
    write_picture("grey.jpg", image("grey.jpg", 1), **jpeg)
    write_picture("rgb.jpg", image("rgb.jpg", 3), **jpeg)
    name = "progressive.jpg"
    write_picture(name, image(name, 3), progressive=True, **jpeg)


def main():
    # The folder holds nothing else but its README.
    for path in sorted(OUT.rglob("*"), reverse=True):
        if path.name != "README.md":
            path.rmdir() if path.is_dir() else path.unlink()
    OUT.mkdir(parents=True, exist_ok=True)
    write_niftis()
    write_itks()
    write_ct()
    write_xrays()
    write_pictures()
    tensors = {k: np.ascontiguousarray(v) for k, v in expected.items()}
    save_file(tensors, OUT / "expected.safetensors")
    (OUT / "expected.safetensors").chmod(0o644)  # the library leaves 600


if __name__ == "__main__":
    main()
