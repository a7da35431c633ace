import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from cryopick.errors import InputError
from cryopick.geometry import euler
from cryopick.geometry.rotation import angle_between_deg, inverse, multiply, rotate, to_matrix
from rotation_strategies import angles_deg, euler_deg, quaternions
from shared_data import shared

NAMES = (
    "relion", "xmipp", "warp", "eman", "dynamo", "motive_list", "stopgap", "pytom",
    "pytom_match_pick", "imod_slicer", "cryosparc",
)  # fmt: skip
X, Y, Z = np.eye(3)


def forward(name):
    return getattr(euler, f"quaternion_from_{name}")


def backward(name):
    return getattr(euler, f"{name}_from_quaternion")


def relion_matrix(rot, tilt, psi):
    """RELION's and Xmipp's matrix as their documentation writes it out, term by term."""
    a, b, g = np.deg2rad([rot, tilt, psi])
    ca, cb, cg, sa, sb, sg = *np.cos([a, b, g]), *np.sin([a, b, g])
    return np.array(
        [
            [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
            [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
            [sb * ca, sb * sa, cb],
        ]
    )


@pytest.mark.parametrize("name", NAMES)
@given(q=quaternions())
def test_every_rotation_survives_every_convention(name, q):
    back = forward(name)(backward(name)(q))
    assert back[0] >= 0
    np.testing.assert_allclose(to_matrix(back), to_matrix(q), atol=1e-11)
    assert angle_between_deg(back, q) < 1e-9


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("cryosparc", "pytom_match_pick")])
@given(angles=euler_deg)
@settings(max_examples=60)
def test_angles_there_and_back_are_the_same_rotation(name, angles):
    q = forward(name)(angles)
    again = backward(name)(q)
    assert np.all((again > -180) & (again <= 180))
    assert angle_between_deg(forward(name)(again), q) < 1e-9


@pytest.mark.parametrize(
    ("name", "angles"),
    [
        ("relion", [10, 20, 30]),
        ("relion", [-60.19977, 120.999041, 86.088799]),
        ("eman", [100, 60, -20]),
        ("dynamo", [144.13, 79.159, -170]),
        ("motive_list", [-73.4, 12.9, 151.2]),
        ("pytom", [1, 2, 3]),
        ("imod_slicer", [13.1, 0, -30.2]),
        ("imod_slicer", [-41.4, 77, -47.7]),
    ],
)
def test_angles_off_the_poles_come_back_as_they_were(name, angles):
    np.testing.assert_allclose(backward(name)(forward(name)(angles)), angles, atol=1e-9)


@given(euler_deg)
def test_relion_is_its_own_matrix_reference_to_image(angles):
    np.testing.assert_allclose(
        to_matrix(euler.quaternion_from_relion(angles)), relion_matrix(*angles), atol=1e-12
    )


@given(euler_deg)
def test_oracle_scipy(angles):
    def same(name, seq, values, *, inverted):
        turn = Rotation.from_euler(seq, values, degrees=True)
        expected = (turn.inv() if inverted else turn).as_matrix()
        np.testing.assert_allclose(to_matrix(forward(name)(angles)), expected, atol=1e-12)

    same("relion", "ZYZ", angles, inverted=True)
    same("eman", "ZXZ", angles, inverted=True)
    same("dynamo", "zxz", angles, inverted=True)
    same("motive_list", "zxz", angles[[0, 2, 1]], inverted=False)
    # z first, then y, then x: the order of IMOD's slicer
    same("imod_slicer", "zyx", angles[::-1], inverted=True)


@given(euler_deg)
def test_a_view_of_relion_looks_along_rot_and_tilt(angles):
    """What lies along (rot, tilt) in the reference points at the viewer in the image."""
    rot, tilt = np.deg2rad(angles[:2])
    seen = [np.sin(tilt) * np.cos(rot), np.sin(tilt) * np.sin(rot), np.cos(tilt)]
    np.testing.assert_allclose(rotate(euler.quaternion_from_relion(angles), seen), Z, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "angles", "x_goes_to", "z_goes_to"),
    [
        ("relion", [90, 0, 0], -Y, Z),
        ("relion", [0, 90, 0], Z, -X),
        ("relion", [0, 0, 90], -Y, Z),
        ("relion", [0, 90, 90], Z, Y),
        ("eman", [90, 0, 0], -Y, Z),
        ("eman", [0, 90, 0], X, Y),
        ("dynamo", [90, 0, 0], -Y, Z),
        ("dynamo", [0, 90, 0], X, Y),
        ("dynamo", [90, 90, 0], -Y, X),
        ("dynamo", [0, 90, 90], Z, Y),
        ("motive_list", [90, 0, 0], Y, Z),
        ("motive_list", [0, 90, 0], Y, Z),
        ("motive_list", [0, 0, 90], X, -Y),
        ("motive_list", [90, 0, 90], Z, -Y),
        ("motive_list", [0, 90, 90], Y, X),
        ("imod_slicer", [90, 0, 0], X, Y),
        ("imod_slicer", [0, 90, 0], Z, -X),
        ("imod_slicer", [0, 0, 90], -Y, Z),
        ("imod_slicer", [90, 0, 90], -Y, X),
    ],
)
def test_golden_right_angles(name, angles, x_goes_to, z_goes_to):
    """Worked out by hand from the definition of each program."""
    q = forward(name)(np.array(angles, dtype=float))
    np.testing.assert_allclose(rotate(q, X), x_goes_to, atol=1e-12)
    np.testing.assert_allclose(rotate(q, Z), z_goes_to, atol=1e-12)


@given(euler_deg)
def test_eman_and_relion_differ_by_a_quarter_turn(angles):
    az, alt, phi = angles
    np.testing.assert_allclose(
        to_matrix(euler.quaternion_from_eman(angles)),
        relion_matrix(az - 90, alt, phi + 90),
        atol=1e-11,
    )


@given(euler_deg)
def test_dynamo_is_the_motive_list_reversed_and_negated(angles):
    phi, psi, theta = angles
    np.testing.assert_allclose(
        to_matrix(euler.quaternion_from_dynamo([-psi, -theta, -phi])),
        to_matrix(euler.quaternion_from_motive_list(angles)),
        atol=1e-12,
    )


@given(euler_deg)
def test_pytom_match_pick_reports_to_relion_as_it_says(angles):
    """The ZXZ angles, all negated, as an intrinsic product, written as ZYZ: RELION's angles."""
    zyz = Rotation.from_euler("ZXZ", -angles, degrees=True)
    ours = euler.quaternion_from_pytom_match_pick(np.deg2rad(angles))
    np.testing.assert_allclose(to_matrix(ours), zyz.inv().as_matrix(), atol=1e-11)
    z1, x, z2 = angles
    same = euler.quaternion_from_motive_list([z1, z2, x])
    assert angle_between_deg(ours, same) < 1e-6


def test_cryosparc_poses_are_the_inverse_of_ours():
    pose = np.deg2rad([0.0, 0.0, 30.0])
    q = euler.quaternion_from_cryosparc(pose)
    np.testing.assert_allclose(euler.relion_from_quaternion(q), [0, 0, 30], atol=1e-12)
    pose = np.array([0.3, -1.2, 2.0])
    zyz = Rotation.from_rotvec(pose).as_euler("ZYZ", degrees=True)
    relion = euler.relion_from_quaternion(euler.quaternion_from_cryosparc(pose))
    np.testing.assert_allclose(relion, zyz, atol=1e-9)


def test_portal_matrices_are_ours():
    matrix = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    q = euler.quaternion_from_transform(matrix)
    np.testing.assert_allclose(rotate(q, X), Y, atol=1e-12)
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = matrix, [7, 8, 9]
    np.testing.assert_allclose(euler.quaternion_from_transform(whole), q)
    back = euler.transform_from_quaternion(np.stack([q, q]), size=4)
    np.testing.assert_allclose(back[1, :3, :3], matrix, atol=1e-12)
    np.testing.assert_array_equal(back[:, 3], [[0, 0, 0, 1]] * 2)
    assert euler.transform_from_quaternion(q).shape == (3, 3)


@given(angles_deg)
def test_psi_in_the_plane_is_psi_of_relion(psi):
    q = euler.quaternion_from_psi_deg(psi)
    np.testing.assert_allclose(q, euler.quaternion_from_relion([0, 0, psi]))
    angle = np.deg2rad(-psi)
    np.testing.assert_allclose(rotate(q, X), [np.cos(angle), np.sin(angle), 0], atol=1e-12)
    assert np.mod(euler.psi_deg_from_quaternion(q) - psi + 180, 360) == pytest.approx(180, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "poles"),
    [
        ("relion", [([25, 0, 30], [0, 0, 55]), ([25, 180, 30], [0, 180, 5])]),
        ("eman", [([25, 0, 30], [0, 0, 55]), ([25, 180, 30], [0, 180, 5])]),
        ("dynamo", [([25, 0, 30], [0, 0, 55]), ([25, 180, 30], [0, 180, 5])]),
        ("motive_list", [([25, 30, 0], [0, 55, 0]), ([25, 30, 180], [0, 5, 180])]),
        ("imod_slicer", [([20, 90, 40], [60, 90, 0]), ([20, -90, 40], [-20, -90, 0])]),
    ],
)
def test_at_the_poles_one_angle_is_zero(name, poles):
    for given_angles, expected in poles:
        q = forward(name)(given_angles)
        np.testing.assert_allclose(backward(name)(q), expected, atol=1e-9)
        assert angle_between_deg(forward(name)(expected), q) < 1e-9


def dynamo_rows(name):
    return np.array([line.split()[:26] for line in shared(name).read_text().splitlines()], float)


def test_genuine_dynamo_filaments_point_along_themselves():
    """4,484 boxes cropped along filaments: the way to the next box is the z axis of this one."""
    rows = dynamo_rows("formats/dynamo/crop.tbl")
    position = rows[:, 23:26] + rows[:, 3:6]
    way = np.diff(position, axis=0)
    length = np.linalg.norm(way, axis=1)
    on_filament = (length > 0) & (length < 20)
    way = way[on_filament] / length[on_filament, None]
    z = rotate(euler.quaternion_from_dynamo(rows[:, 6:9]), Z)[:-1][on_filament]
    along = np.sum(way * z, axis=1)
    assert on_filament.sum() > 4000
    assert np.percentile(along, 5) > 0.99
    # Read the other way round, the angles make no sense of the same boxes.
    wrong = rotate(euler.quaternion_from_eman(rows[:, 6:9]), Z)[:-1][on_filament]
    assert abs(np.median(np.sum(way * wrong, axis=1))) < 0.5


def test_genuine_dynamo_boxes_spin_about_their_filament():
    rows = dynamo_rows("formats/dynamo/crop.tbl")[:3]
    assert rows[:, 8].round(3).tolist() == [2.646, 34.284, 64.284]
    q = euler.quaternion_from_dynamo(rows[:, 6:9])
    step = multiply(q[2], euler.quaternion_from_motive_list([0, 0, 0]))
    assert angle_between_deg(q[1], step) == pytest.approx(30, abs=1e-9)


def agreement_of_neighbours(position, z, tomogram):
    """Mean cosine between the z axis of each particle and that of its nearest neighbour."""
    cosines = []
    for name in np.unique(tomogram):
        rows = np.flatnonzero(tomogram == name)
        if len(rows) > 11:
            _, nearest = cKDTree(position[rows]).query(position[rows], k=[2])
            cosines.extend(np.sum(z[rows] * z[rows][nearest[:, 0]], axis=1))
    return np.mean(cosines)


def test_genuine_stopgap_particles_on_a_membrane_share_their_normal():
    text = shared("formats/stopgap_motl/class6_er_mr1_1_sg_head.star").read_text()
    lines = [line.split() for line in text.splitlines()]
    names = [words[0][1:] for words in lines if words and words[0].startswith("_")]
    rows = [words for words in lines if len(words) == len(names)]
    table = {name: [row[k] for row in rows] for k, name in enumerate(names)}

    def numbers(*columns):
        return np.array([table[c] for c in columns], dtype=float).T

    position = numbers("orig_x", "orig_y", "orig_z") + numbers("x_shift", "y_shift", "z_shift")
    tomogram, angles = np.array(table["tomo_num"]), numbers("phi", "psi", "the")
    assert len(rows) == 379
    pose = euler.quaternion_from_stopgap(angles)
    assert agreement_of_neighbours(position, rotate(pose, Z), tomogram) > 0.75
    exchanged = euler.quaternion_from_stopgap(angles[:, [1, 0, 2]])
    for wrong in (exchanged, inverse(pose)):
        assert agreement_of_neighbours(position, rotate(wrong, Z), tomogram) < 0.5


def test_genuine_dynamo_nuclear_pores_share_the_normal_of_their_membrane():
    rows = dynamo_rows("formats/dynamo/b4_motl_CR_tm_topbott_clean600_1_dynamo.tbl")
    pose = euler.quaternion_from_dynamo(rows[:, 6:9])
    position, tomogram = rows[:, 23:26], rows[:, 19]
    ours = agreement_of_neighbours(position, rotate(pose, Z), tomogram)
    assert ours > 0.95
    assert agreement_of_neighbours(position, rotate(inverse(pose), Z), tomogram) < 0.9


def test_converters_take_any_leading_shape_and_nothing():
    for name in NAMES:
        assert forward(name)(np.zeros((0, 3))).shape == (0, 4)
        assert backward(name)(np.zeros((0, 4))).shape == (0, 3)
        assert backward(name)(forward(name)(np.ones((2, 5, 3)))).shape == (2, 5, 3)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_shapes_and_values_are_refused(name):
    with pytest.raises(InputError, match=r"expected a shape \(\.\.\., 3\), got \(4,\)"):
        forward(name)([1, 2, 3, 4])
    with pytest.raises(InputError, match="expected finite values"):
        forward(name)([1, np.inf, 3])


def test_a_transform_of_another_size_is_refused():
    with pytest.raises(InputError, match="3x3 or 4x4"):
        euler.quaternion_from_transform(np.eye(2))
    with pytest.raises(InputError, match="size 3 or 4, got 5"):
        euler.transform_from_quaternion([1, 0, 0, 0], size=5)
